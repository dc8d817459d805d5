// Where engine threads leave operations. A short lock that is never held while anything is
// computed or sent; the state machine takes everything over in one go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "client/worker_state.h"
#include "core/types.h"

namespace holdfast {

class Inbox {
 public:
  // Operations: when this many are here, the client thread takes them over although it cannot
  // send them.
  static constexpr size_t kCrowded = 32'768;
  // And when this many are, it is behind, and whoever brings more does it for it: that may take as
  // long as applying a full queue to the key set (some 0.1 s for a million operations).
  static constexpr size_t kFull = 262'144;

  struct Level {
    size_t before = 0;
    size_t after = 0;
  };
  // From any thread. How much was here before and is now, in operations.
  Level push(size_t location, std::span<const ChunkHash> keys, bool evict);

  // Moves everything into the machine's queues, in order. Whoever may use the machine may call it.
  void drainTo(WorkerStateMachine& machine);

  struct Waiting {
    size_t operations = 0;
    uint64_t sinceMs = 0;  // steady clock; when the oldest came
  };
  Waiting waiting() const;

 private:
  struct Run {
    uint32_t location = 0;
    bool evict = false;
    size_t operations = 0;
  };
  struct Contents {
    std::vector<Run> runs;
    std::vector<ChunkHash> keys;
    uint64_t sinceMs = 0;
  };

  mutable std::mutex mutex_;
  Contents contents_;
  Contents draining_;  // guarded as the machine is; keeps its memory
};

}  // namespace holdfast
