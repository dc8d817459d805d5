#include "serving/cache_operations.h"

#include <string>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"
#include "wire/errors.h"

namespace holdfast {

std::optional<Error> tooManyHashes(size_t hashes) {
  if (hashes <= kHashesPerLookupMax) return std::nullopt;
  return Error{ErrorCode::kInvalid, "an operation on " + std::to_string(hashes) +
                                        " chunks, at most " + std::to_string(kHashesPerLookupMax) +
                                        " are allowed; cut it into several"};
}

kj::Promise<std::shared_ptr<const EventRecord>> operate(Services& services,
                                                        OperationRequest request, bool noWait) {
  const auto started = services.controller.take(input::Operation{request});
  if (!started.ok()) return wireError(started.error());
  const Event& event = *started.value();
  if (!event.settled && !noWait) return services.eventWaiters.settlementOf(event.record.id);
  // As it is now, so that it need not be found again.
  auto record = std::make_shared<const EventRecord>(event.record);
  if (event.settled || event.recorded) return kj::mv(record);
  return services.waiters.committed(event.ticket).then([record = kj::mv(record)]() mutable {
    return kj::mv(record);
  });
}

kj::Promise<std::shared_ptr<const EventRecord>> operationNamed(Services& services,
                                                               std::string_view eventId) {
  if (auto bad = invalidId("event id", eventId, kEventIdBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  const Event* event = services.executor.find(eventId);
  if (event == nullptr) {
    return wireError({ErrorCode::kNotFound,
                      "there is no event " + quotedForPeople(eventId) +
                          ": it never was, or it is not remembered any more; a health check "
                          "leaves none"});
  }
  // An end that is not on the disk yet could be taken back by a crash.
  if (event->finished && !event->settled)
    return services.eventWaiters.settlementOf(event->record.id);
  return std::make_shared<const EventRecord>(event->record);
}

}  // namespace holdfast
