// Work that takes more than a turn of the loop, and is done when all of it is done.
#pragma once

#include <kj/async.h>
#include <kj/memory.h>

#include "net/read_budget.h"
#include "serving/services.h"

namespace holdfast {

template <typename Step>
kj::Promise<void> restInTurns(Services& services, Step& step) {
  return services.budget.ready(ReadBudget::kBytesPerTurn)
      .then([&services, &step]() -> kj::Promise<void> {
        if (!step()) return kj::READY_NOW;
        return restInTurns(services, step);
      });
}

// Calls `step()`, a piece of about 0.1 ms, until it returns false, each time in a turn of its own.
// Ends with its promise. On the loop's thread; `services` outlives the promise.
template <typename Step>
kj::Promise<void> inTurns(Services& services, Step step) {
  auto own = kj::heap<Step>(kj::mv(step));
  Step& all = *own;
  return restInTurns(services, all).attach(kj::mv(own));
}

}  // namespace holdfast
