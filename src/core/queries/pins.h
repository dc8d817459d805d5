// What is pinned: one entry for each pin operation, worker and location that some chunk is pinned
// by. A location may have a million of them, so it is listed in pieces, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/queries/worker_walk.h"
#include "core/registry/registry_tree.h"

namespace holdfast::queries {

struct PinFilter {
  WorkerFilter workers = {};
  std::string location = {};  // empty: all
  bool withChunks = false;    // fewer entries come where they have many (kPinnedChunksPerQueryMax)
  uint64_t skip = 0;          // so many entries
  size_t max = kPinEntriesPerQueryMax;
};

struct PinView {
  std::string instance;
  uint32_t worker = 0;
  std::string location;
  std::string eventId;
  uint64_t pinnedWallMs = 0;           // when the pin was asked for
  uint64_t expiresWallMs = 0;          // 0: for as long as the chunks are held
  uint64_t chunks = 0;                 // that are pinned by it now
  std::vector<ChunkHash> hashes = {};  // with chunks: ascending
};

// By instance, worker, location and time.
class PinCursor {
 public:
  using Found = std::vector<PinView>;

  // Keeps the reference.
  PinCursor(const RegistryTree& tree, PinFilter filter);

  // Appends what a piece finds. Whether there may be more.
  bool next(Found& found, size_t work = kWorkOfPiece);
  // Entries that match, listed or not; once next() has returned false.
  uint64_t total() const { return total_; }

 private:
  // Pins or chunks that cost as much as a worker that is looked at.
  static constexpr size_t kChunksPerWork = 8;

  // An operation that has pinned some of the location, in the order of the list.
  struct Group {
    uint64_t pinnedWallMs = 0;
    std::string eventId;
    uint32_t index = 0;
    uint64_t expiresWallMs = 0;
    uint64_t chunks = 0;

    friend bool operator<(const Group& a, const Group& b) {
      return std::tie(a.pinnedWallMs, a.eventId, a.index) <
             std::tie(b.pinnedWallMs, b.eventId, b.index);
    }
  };
  // One of those that is listed.
  struct Listed {
    Group group;
    std::set<ChunkHash> chunks = {};
    std::vector<ChunkHash> hashes = {};  // the same, as the entry has them
  };
  // The location that is being listed, in these steps.
  enum class Step : uint8_t { kGroups, kOrder, kChunks, kEntries };
  struct Current {
    LocationRef location;
    PinView place;  // of an entry, what all have in common
    Step step = Step::kGroups;
    size_t next = 0;  // group, or place of a pin
    std::set<Group> groups;
    std::deque<Listed> listed;
    std::unordered_map<uint32_t, Listed*> byIndex;
  };

  void queueLocations(const Worker& worker);
  // These take what they spend from `work`.
  void advance(Found& found, size_t& work);
  void collectGroups(size_t& work);
  void order(size_t& work);
  void collectChunks(size_t& work);
  void list(Found& found, size_t& work);
  // Null when it is gone, or has none any more.
  const LocationPins* pins() const;

  const RegistryTree& tree_;
  const PinFilter filter_;
  WorkerWalk walk_;
  std::deque<LocationRef> queued_;  // of the worker that was met last
  std::optional<Current> current_;
  uint64_t total_ = 0;
  size_t entries_ = 0;  // that are listed
  uint64_t chunks_ = 0;
  bool full_ = false;
};

}  // namespace holdfast::queries
