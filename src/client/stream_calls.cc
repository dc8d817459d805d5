#include "client/stream_calls.h"

#include "wire/full_sync.h"
#include "wire/reports.h"

namespace holdfast {
namespace {

// Words of a report or a batch beside keys and bitmap: the call, the structs and the name.
constexpr uint64_t kOverheadWords = 64;

capnp::MessageSize sizeOf(size_t bytes) {
  return {bytes / sizeof(capnp::word) + kOverheadWords, 0};
}

}  // namespace

capnp::StreamingRequest<schema::WorkerSession::ReportParams> makeReport(
    schema::WorkerSession::Client& session, const Report& report) {
  const Operations& operations = report.operations;
  const size_t evictBytes = operations.evicts.allAdmits() ? 0 : operations.size() / 8 + 1;
  auto request = session.reportRequest(sizeOf(operations.keys.size_bytes() + evictBytes));
  write(report, request.initMessage());
  return request;
}

capnp::StreamingRequest<schema::WorkerSession::FullSyncBatchParams> makeFullSyncBatch(
    schema::WorkerSession::Client& session, const FullSyncBatch& batch) {
  auto request = session.fullSyncBatchRequest(sizeOf(batch.keys.size_bytes()));
  write(batch, request.initMessage());
  return request;
}

}  // namespace holdfast
