// The calls that carry reports and batches, built but not sent: of the right size at once, since
// they are most of what a client sends.
#pragma once

#include "core/messages.h"
#include "schema/controller.capnp.h"

namespace holdfast {

capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const Report& report);
capnp::StreamingRequest<schema::WorkerSession::FullSyncBatchParams> makeFullSyncBatch(
    schema::WorkerSession::Client& session, const FullSyncBatch& batch);

}  // namespace holdfast
