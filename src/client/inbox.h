// Where engine threads leave operations. A short lock that is never held while anything is
// computed or sent, nor while a long list is copied; the client's thread takes the operations over
// piece by piece.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <span>
#include <vector>

#include "client/worker_state.h"
#include "core/types.h"
#include "locks/mutex.h"

namespace holdfast {

class Inbox {
 public:
  // Operations: when this many are here, the client's thread takes them over although it cannot
  // send them.
  static constexpr size_t kCrowded = 32'768;
  // And while this many are, 64 MiB of keys, whoever brings more waits, but never longer than this.
  // So memory stays bounded although the client's thread applies operations more slowly than a
  // caller can copy them.
  static constexpr size_t kFull = 8'388'608;
  static constexpr std::chrono::milliseconds kWaitMax{1'000};

  // Of so many locations.
  explicit Inbox(size_t locations) : accepted_(locations) {}

  struct Level {
    size_t before = 0;
    size_t after = 0;
  };
  // From any thread; `mayWait` from any but the client's. How much was here before and is now, in
  // operations.
  Level push(size_t location, std::span<const ChunkHash> keys, bool evict, bool mayWait);
  // The location is empty: one operation, in order with the others. Never waits.
  Level clear(size_t location);

  // Moves some more than `operations`, the oldest, into the machine's queues. Returns whether any
  // are left. Whoever may use the machine may call it.
  bool drainTo(WorkerStateMachine& machine, size_t operations);
  // Drops what is here; nobody waits.
  void drop();

  struct Waiting {
    size_t operations = 0;
    uint64_t sinceMs = 0;  // steady clock; when the oldest came
  };
  Waiting waiting() const;
  // How many operations of each location were ever pushed.
  std::vector<uint64_t> position() const;

 private:
  // Of a chunk: small enough to be allocated and copied under the lock.
  static constexpr size_t kChunkKeys = 4'096;

  enum class Kind : uint32_t { kAdmit, kEvict, kClear };  // a clear has a key that says nothing
  struct Run {
    uint32_t location = 0;
    Kind kind = Kind::kAdmit;
    size_t operations = 0;
  };
  struct Chunk {
    std::vector<Run> runs;
    std::vector<ChunkHash> keys;
    uint64_t sinceMs = 0;
  };

  Level push(size_t location, std::span<const ChunkHash> keys, Kind kind, bool mayWait);
  static void append(Chunk& chunk, size_t location, std::span<const ChunkHash> keys, Kind kind);

  mutable Mutex mutex_;
  Condition room_;
  std::list<Chunk> chunks_ HOLDFAST_GUARDED_BY(mutex_);  // none is empty
  size_t operations_ HOLDFAST_GUARDED_BY(mutex_) = 0;    // in them
  std::vector<uint64_t> accepted_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
