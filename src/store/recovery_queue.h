// What recovery's readers have read and checked, on its way to the thread that rebuilds the
// registry. Bounded; parts of one worker stay in order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/registry_store.h"
#include "core/result.h"
#include "locks/mutex.h"

namespace holdfast {

struct RecoveryRow {
  enum class Kind : uint8_t { kSegment, kJournal, kBatch, kBuildingJournal };
  uint16_t location = 0;
  Kind kind = Kind::kSegment;
  uint32_t number = 0;  // of a batch
  JournalEntry entry;   // of a segment or a batch only the keys
};

// What is pinned alike of a location.
struct RecoveredPins {
  uint16_t location = 0;
  PinRecord record;
  std::vector<ChunkHash> chunks;
};

// Some rows of one worker; they point into its words.
struct RecoveryPart {
  OwnerId owner = kNoOwner;
  std::vector<RecoveryRow> rows;
  bool last = false;                // nothing of this worker follows
  std::optional<Error> damage;      // with last: what of it cannot be read
  std::vector<RecoveredPins> pins;  // with last: all of them

  bool fits(size_t more) const { return rows.empty() || used + more <= words.size(); }
  // Words for rows to point into; fits() has said that there is room.
  std::span<uint64_t> take(size_t count);
  // The value as words, nothing if it is not whole words.
  std::optional<std::span<const uint64_t>> copy(std::string_view value);

  std::vector<uint64_t> words;
  size_t used = 0;
};

class RecoveryQueue {
 public:
  // Ends when the last parts of so many workers were popped.
  explicit RecoveryQueue(size_t workers) : workersLeft_(workers) {}

  // A part with room for `words`. Waits while too many are around.
  std::unique_ptr<RecoveryPart> blank(OwnerId owner, size_t words);
  void push(std::unique_ptr<RecoveryPart> part);

  // Waits for the next part, and calls `waiting` every second of that; null at the end.
  std::unique_ptr<RecoveryPart> pop(const std::function<void()>& waiting);
  void giveBack(std::unique_ptr<RecoveryPart> part);

 private:
  // Waits until pop() can return, but not for long: whether it can.
  bool wait();

  Mutex mutex_;
  Condition pushed_;
  Condition givenBack_;
  std::deque<std::unique_ptr<RecoveryPart>> parts_ HOLDFAST_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<RecoveryPart>> blanks_ HOLDFAST_GUARDED_BY(mutex_);
  size_t around_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  size_t workersLeft_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
