// Cache operations and their events between the wire and the plain values of core.
#pragma once

#include <kj/exception.h>

#include "core/cache_operations.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Of WorkerOperation::Ask::kBegin.
void write(const WorkerOperation& operation, schema::WorkerOperationMsg::Builder to);
// What it comes to when a worker's call failed.
OperationOutcome outcomeOf(const kj::Exception& exception);

enum class WithRanks : bool { kNo, kYes };
void write(const EventRecord& event, WithRanks withRanks, schema::EventInfo::Builder to);

}  // namespace holdfast
