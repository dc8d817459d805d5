// Cache operations as both doors run them: started, waited for, found again.
#pragma once

#include <kj/async.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "core/event_record.h"
#include "core/operations/operation_request.h"
#include "core/result.h"
#include "serving/services.h"

namespace holdfast {

// What the start of an operation costs in terms of ReadBudget: many may come at once, so whoever
// starts one waits for that first.
inline constexpr size_t kStartCostBytes = 4 << 10;

// Why so many hashes are no list of chunks to operate on.
std::optional<Error> tooManyHashes(size_t hashes);

// Starts it. Resolves to its event when it has ended and that is on the disk; with noWait, when it
// is recorded. A known event id with the same arguments is the same event. Fails as
// Executor::start does.
kj::Promise<std::shared_ptr<const EventRecord>> operate(Services& services,
                                                        OperationRequest request, bool noWait);

// The event as it stands. Where it has ended, when that is on the disk. Fails with kNotFound.
kj::Promise<std::shared_ptr<const EventRecord>> operationNamed(Services& services,
                                                               std::string_view eventId);

}  // namespace holdfast
