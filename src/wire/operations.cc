#include "wire/operations.h"

#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::OperationKind::MOVE, OperationKind::kMove));
static_assert(sameNumber(schema::OperationKind::HEALTH, OperationKind::kHealth));
static_assert(static_cast<size_t>(schema::OperationKind::HEALTH) + 1 == kOperationKinds);
static_assert(sameNumber(schema::WorkerOutcomeMsg::Status::FORGOTTEN,
                         OperationOutcome::Status::kForgotten));

}  // namespace

WorkerOperation read(schema::WorkerOperationMsg::Reader from, std::vector<uint64_t>& scratch) {
  const auto destination = from.getDestination();
  return {.ask = WorkerOperation::Ask::kBegin,
          .number = from.getWorkerEventId(),
          .kind = plainOf<OperationKind>(from.getKind()),
          .location = viewOf(from.getLocation()),
          .allChunks = from.getAllChunks(),
          .chunks = numbersOf<uint64_t>(from.getHashes(), scratch),
          .method = viewOf(from.getMethod()),
          .destination = {.instance = stringOf(destination.getInstanceId()),
                          .worker = destination.getWorkerId(),
                          .location = stringOf(destination.getLocation()),
                          .peerUrl = stringOf(destination.getPeerInitUrl())},
          .copy = from.getCopy(),
          .ttlSeconds = from.getTtlSeconds()};
}

void write(const WorkerOperation& operation, schema::WorkerOperationMsg::Builder to) {
  to.setWorkerEventId(operation.number);
  to.setKind(static_cast<schema::OperationKind>(operation.kind));
  to.setLocation(textOf(operation.location));
  to.setAllChunks(operation.allChunks);
  if (!operation.allChunks) {
    copyNumbers<uint64_t>(operation.chunks, to.initHashes(listSize(operation.chunks.size())));
  }
  to.setMethod(textOf(operation.method));
  to.setCopy(operation.copy);
  to.setTtlSeconds(operation.ttlSeconds);
  if (operation.kind != OperationKind::kMove) return;
  auto destination = to.initDestination();
  destination.setInstanceId(textOf(operation.destination.instance));
  destination.setWorkerId(operation.destination.worker);
  destination.setLocation(textOf(operation.destination.location));
  destination.setPeerInitUrl(textOf(operation.destination.peerUrl));
}

OperationOutcome read(schema::WorkerOutcomeMsg::Reader from) {
  if (from.getStatus() > schema::WorkerOutcomeMsg::Status::FORGOTTEN) {
    return {.errorCode = kHealthUnexpected, .error = "the worker's answer has an unknown status"};
  }
  return {.status = plainOf<OperationOutcome::Status>(from.getStatus()),
          .numTokens = from.getNumTokens(),
          .errorCode = from.getErrorCode(),
          .error = stringOf(from.getError())};
}

void write(const OperationOutcome& outcome, schema::WorkerOutcomeMsg::Builder to) {
  to.setStatus(static_cast<schema::WorkerOutcomeMsg::Status>(outcome.status));
  to.setNumTokens(outcome.numTokens);
  to.setErrorCode(outcome.errorCode);
  to.setError(textOf(outcome.error));
}

}  // namespace holdfast
