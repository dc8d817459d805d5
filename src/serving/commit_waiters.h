// Answers that wait for the store: for a write to be committed, or for room in its queue.
#pragma once

#include <kj/async.h>

#include <map>
#include <string>
#include <vector>

#include "core/registry_store.h"
#include "core/ticket_ledger.h"

namespace holdfast {

class CommitWaiters {
 public:
  // Both outlive the waiters.
  CommitWaiters(const TicketLedger& ledger, const RegistryStore& store)
      : ledger_(ledger), store_(store) {}

  // Fails with "unavailable:" if the store cannot write meanwhile. Ticket 0 is committed.
  kj::Promise<void> committed(Ticket ticket);

  // Back-pressure of reports: at once while the store's queue is at most half full. Never waits
  // for a store that cannot write: then reports are refused, and heartbeats must go on.
  kj::Promise<void> room();

  // After the store was polled: answers whoever waited for what happened.
  void polled();

 private:
  bool mustWait() const;

  const TicketLedger& ledger_;
  const RegistryStore& store_;
  std::multimap<Ticket, kj::Own<kj::PromiseFulfiller<void>>> forCommit_;
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> forRoom_;  // at most one a session
};

}  // namespace holdfast
