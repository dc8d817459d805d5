// What workers have pinned, as far as it is held: recorded when a rank has done a pin operation,
// kept in the store, and dropped as soon as it cannot hold any more.
//
// A chunk that the registry does not have for that location when the rank answers is not recorded:
// nothing would say when its pin ends. What is dropped is written before the report that it came
// of, so that after a crash nothing is pinned that was evicted and admitted again.
//
//   dropped with                                    by
//   an evict of the chunk                           applying()
//   the location, or its content                    dropPins(), or the location's own end
//   another process in the worker's place           dropPins()
//   a full sync that does not bring the chunk       switched(), in turns
//   the time to live                                tick(), in turns
//   a restart that does not find the chunk held     recovered()
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "core/clock.h"
#include "core/index/chunk_index.h"
#include "core/registry/registry_tree.h"
#include "core/registry_store.h"

namespace holdfast {

class Pins {
 public:
  // Keeps all references.
  Pins(RegistryTree& tree, const ChunkIndex& index, RegistryStore& store, Clock& clock)
      : tree_(tree), index_(index), store_(store), clock_(clock) {}

  // A rank has pinned these, at most kChunksPerTurn of them.
  void record(Location& location, const PinRecord& record, std::span<const ChunkHash> chunks);
  static constexpr size_t kChunksPerTurn = 1024;

  // Operations that are about to go into the index or into a full sync's journal. Only where
  // location.pins is there.
  void applying(Location& location, const Operations& operations);
  // A full sync has replaced the content.
  void switched(Location& location);

  // Of recovery, when the location's content is there: what is not held goes to `batch`.
  void recovered(Location& location, const PinRecord& record, std::span<const ChunkHash> chunks,
                 StoreBatch& batch);

  // What recovered() would make of all pins; see Registry::restart. One piece, however many.
  void restart();

  // How many of the leading chunks this worker has pinned, in any of its locations.
  uint32_t pinnedPrefix(const Worker& worker, std::span<const ChunkHash> chunks) const;

  // Times to live.
  void tick();
  // One bounded piece of dropping what is over. False when nothing is left.
  bool work();

  static constexpr size_t kPlacesPerTurn = 4096;
  static constexpr size_t kExpiriesPerTick = 1024;

 private:
  void queueSweep(Location& location);
  // Whether places are left.
  bool sweep(Location& location);
  // Which of them the location does not hold.
  void keepAbsent(const Location& location, std::vector<ChunkHash>& chunks);
  void write(Location& location, StoreStep step);
  void drop(Location& location, std::vector<ChunkHash> chunks);

  RegistryTree& tree_;
  const ChunkIndex& index_;
  RegistryStore& store_;
  Clock& clock_;
  std::deque<LocationRef> sweeps_;
  std::vector<SetId> sets_;  // scratch
};

// Drops all pins of the location; the batch records it.
void dropPins(Location& location, StoreBatch& batch);

}  // namespace holdfast
