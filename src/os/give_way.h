// Where processors are scarce the loop comes first: look-ups wait for nobody, commits may.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include "os/processors.h"

namespace holdfast {

inline constexpr int kNiceOfGateways = 15;  // what they decode waits for the loop in any case
inline constexpr int kNiceOfWrites = 10;
inline constexpr int kNiceOfFolds = 15;  // folds and copies have time; commits have not

// From now on the calling thread, and every thread that it starts, gives way, and keeps off the
// loop's own processor where there is one.
inline void giveWay(int nice) {
  runBesideLoop();
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
}

}  // namespace holdfast
