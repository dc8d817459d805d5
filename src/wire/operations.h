// Cache operations between controller and worker.
#pragma once

#include <cstdint>
#include <vector>

#include "core/cache_operations.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Of WorkerOperation::Ask::kBegin. What is read refers to the message, and to `scratch`.
WorkerOperation read(schema::WorkerOperationMsg::Reader from, std::vector<uint64_t>& scratch);
void write(const WorkerOperation& operation, schema::WorkerOperationMsg::Builder to);

// An answer with a status that this program does not know is a failure (kHealthUnexpected).
OperationOutcome read(schema::WorkerOutcomeMsg::Reader from);
void write(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to);

}  // namespace holdfast
