// Begins cache operations for the routes that ask for them.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "core/event_record.h"
#include "core/operations/operation_request.h"
#include "serving/call_queue.h"
#include "serving/services.h"

namespace holdfast::http {

// On the loop's thread. Both fail as operate() of serving/cache_operations.h does, which says what
// they resolve to; the promises end before this does.
class OperationStarts {
 public:
  // `services` outlives it.
  explicit OperationStarts(Services& services)
      : services_(services), hashing_(services.longCallBytes) {}

  kj::Promise<std::shared_ptr<const EventRecord>> begin(OperationRequest request, bool noWait);
  // On the chunks of a token list: hashed first, however long it is, one list at a time.
  kj::Promise<std::shared_ptr<const EventRecord>> begin(OperationRequest request,
                                                        std::vector<uint32_t> tokens, bool noWait);

  Services& services() const { return services_; }

 private:
  Services& services_;
  CallQueue hashing_;
};

}  // namespace holdfast::http
