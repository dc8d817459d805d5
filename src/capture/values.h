// What only capture logs have as messages. What it shares with the wire is read and written by
// src/wire.
#pragma once

#include "core/operations/operation_request.h"
#include "core/registry_store.h"
#include "schema/capture.capnp.h"
#include "wire/counters.h"
#include "wire/full_sync.h"
#include "wire/lists.h"
#include "wire/operations.h"
#include "wire/registration.h"
#include "wire/reports.h"
#include "wire/text.h"

namespace holdfast {

OperationRequest read(schema::CaptureOperation::Reader from);
void write(const OperationRequest& request, schema::CaptureOperation::Builder to);

FoldResult read(schema::CaptureFold::Reader from);
void write(const FoldResult& result, schema::CaptureFold::Builder to);

}  // namespace holdfast
