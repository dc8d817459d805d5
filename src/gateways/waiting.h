// Whoever waits until something has happened: a tick, or that there is room again.
#pragma once

#include <kj/async.h>

#include <utility>
#include <vector>

namespace holdfast::gateways {

// On one loop's thread.
class Waiting {
 public:
  // Resolves with the next wakeAll().
  kj::Promise<void> wait() {
    auto paf = kj::newPromiseAndFulfiller<void>();
    waiting_.push_back(kj::mv(paf.fulfiller));
    return kj::mv(paf.promise);
  }
  void wakeAll() {
    for (auto& fulfiller : std::exchange(waiting_, {})) fulfiller->fulfill();
  }

 private:
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> waiting_;
};

}  // namespace holdfast::gateways
