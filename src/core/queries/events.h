// The cache operations that are remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cache_operations.h"
#include "core/operations/event_summary.h"
#include "core/operations/executor.h"

namespace holdfast::queries {

struct EventFilter {
  std::string instance = {};  // empty: of all
  bool unfinishedOnly = false;
  size_t max = kEventsPerQueryMax;  // of those found
  std::optional<OperationKind> kind = {};
  uint64_t before = UINT64_MAX;  // only older ones than this serial (Event::serial)
};

struct EventView {
  EventRecord record;  // without its ranks, and the chunks of a pin
  EventSummary summary;
};

// Newest first. Those that come while it is under way are not met.
class EventCursor {
 public:
  using Found = std::vector<EventView>;
  // Events or ranks that a piece looks at: about 0.1 ms.
  static constexpr size_t kEventsOfPiece = 512;

  // Keeps the reference.
  EventCursor(const Executor& executor, EventFilter filter)
      : log_(executor.log()), filter_(std::move(filter)), before_(filter_.before) {}

  // Appends what a piece finds. Whether there may be more.
  bool next(Found& found, size_t work = kEventsOfPiece);
  // That match, listed or not; once next() has returned false.
  uint64_t total() const { return total_; }

 private:
  const EventLog& log_;
  const EventFilter filter_;
  uint64_t before_;  // the serial that was met last
  uint64_t total_ = 0;
};

}  // namespace holdfast::queries
