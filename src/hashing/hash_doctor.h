// How each model's engines hash, learned from what they say they stored, and watched: which
// algorithm, seed and block size fit, and who differs.
//
// A pure state machine: no clock, threads or I/O; notices are all that leaves it. On the
// controller's loop: gateways hand samples over with the operations of the same event.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/notice_sink.h"
#include "core/notices/subjects.h"
#include "hashing/stored_blocks.h"

namespace holdfast {

class HashDoctor {
 public:
  // `notices` outlives it.
  explicit HashDoctor(NoticeSink& notices);
  ~HashDoctor();
  HashDoctor(const HashDoctor&) = delete;
  HashDoctor& operator=(const HashDoctor&) = delete;

  // Looks at a sample. Bounded: at most some 0.1 ms, whatever it holds; whatever is malformed is
  // counted and ignored.
  void stored(const StoredBlocks& blocks);
  // The source's process is another one, or its engine was cleared: what it hashed before says
  // nothing of what comes. What was learned of the model stays.
  void restarted(std::string_view model, const WorkerName& source);
  // The source is no longer one of the fleet.
  void forgotten(std::string_view model, const WorkerName& source);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
