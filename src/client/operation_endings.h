// The way of a completion from whatever thread calls it to the client's thread, or nowhere once the
// client is gone.
#pragma once

#include <cstdint>
#include <memory>

#include "client/client_thread.h"
#include "client/fork_mark.h"
#include "core/cache_operations.h"
#include "locks/mutex.h"

namespace holdfast {

struct ClientShared;

class OperationEndings {
 public:
  void open(const std::shared_ptr<ClientShared>& shared);
  // Nothing is handed on afterwards.
  void close();
  void give(uint64_t number, OperationOutcome outcome);

 private:
  const ForkMark mark_;
  Mutex mutex_;
  std::weak_ptr<ClientShared> shared_
      HOLDFAST_GUARDED_BY(mutex_);  // while it is open its loop exists
};

}  // namespace holdfast
