#include "client/operation_endings.h"

#include <utility>

#include "client/client_shared.h"
#include "client/reporter.h"

namespace holdfast {

void OperationEndings::open(const std::shared_ptr<ClientShared>& shared) {
  const MutexLock lock(mutex_);
  shared_ = shared;
}

void OperationEndings::close() {
  const MutexLock lock(mutex_);
  shared_.reset();
}

void OperationEndings::give(uint64_t number, OperationOutcome outcome) {
  if (mark_.forked()) return;  // the parent's answer counts
  const MutexLock lock(mutex_);
  auto shared = shared_.lock();
  if (!shared) return;
  ClientThread::Loop& loop = shared->loop;
  loop.post([shared = std::move(shared), number, outcome = std::move(outcome)] {
    if (shared->reporter) shared->reporter->operationEnded(number, outcome);
  });
}

}  // namespace holdfast
