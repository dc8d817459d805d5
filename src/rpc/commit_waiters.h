// Answers that wait for the store: for a write to be committed, or for room in its queue.
#pragma once

#include <kj/async.h>

#include <deque>
#include <string>
#include <vector>

#include "core/registry.h"

namespace holdfast {

class CommitWaiters {
 public:
  // Both outlive the waiters.
  CommitWaiters(const Registry& registry, const RegistryStore& store)
      : registry_(registry), store_(store) {}

  // Fails with "unavailable:" if the store cannot write meanwhile. Tickets ascend from call to
  // call; 0 is committed.
  kj::Promise<void> committed(Ticket ticket);

  // Back-pressure of reports: at once while the store's queue is at most half full. Never waits
  // for a store that cannot write: then reports are refused, and heartbeats must go on.
  kj::Promise<void> room();

  // After the store was polled: answers whoever waited for what happened.
  void polled();

 private:
  struct Waiting {
    Ticket ticket = 0;
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
  };
  bool mustWait() const;

  const Registry& registry_;
  const RegistryStore& store_;
  std::deque<Waiting> forCommit_;                             // by ticket
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> forRoom_;  // at most one a session
};

}  // namespace holdfast
