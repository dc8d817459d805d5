#include "serving/commit_waiters.h"

#include <utility>

#include "core/limits.h"
#include "wire/errors.h"

namespace holdfast {

kj::Promise<void> CommitWaiters::committed(Ticket ticket) {
  if (ledger_.isCommitted(ticket)) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  forCommit_.emplace(ticket, kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

bool CommitWaiters::mustWait() const {
  return !store_.hasRoom(kStoreQueueBytesMax / 2) && store_.health().writable;
}

kj::Promise<void> CommitWaiters::room() {
  if (!mustWait()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  forRoom_.push_back(kj::mv(paf.fulfiller));
  return kj::mv(paf.promise);
}

void CommitWaiters::polled() {
  while (!forCommit_.empty() && ledger_.isCommitted(forCommit_.begin()->first)) {
    forCommit_.begin()->second->fulfill();
    forCommit_.erase(forCommit_.begin());
  }
  if (!forCommit_.empty()) {
    const StoreHealth health = store_.health();
    if (!health.writable) {
      const kj::Exception error = wireError({ErrorCode::kUnavailable, health.reason});
      for (auto& waiting : forCommit_) waiting.second->reject(kj::cp(error));
      forCommit_.clear();
    }
  }
  if (!forRoom_.empty() && !mustWait()) {
    for (auto& fulfiller : forRoom_) fulfiller->fulfill();
    forRoom_.clear();
  }
}

}  // namespace holdfast
