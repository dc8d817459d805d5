#include "rpc/convert_operations.h"

#include <string_view>

#include "core/operations/event_summary.h"
#include "rpc/convert.h"

namespace holdfast {
namespace {

// Enumerations are cast below: the schema and core list them in the same order.
static_assert(static_cast<int>(schema::OperationKind::HEALTH) ==
              static_cast<int>(OperationKind::kHealth));
static_assert(static_cast<int>(schema::OperationKind::MOVE) ==
              static_cast<int>(OperationKind::kMove));
static_assert(static_cast<int>(schema::RankStatus::DONE) == static_cast<int>(RankStatus::kDone));
static_assert(static_cast<int>(schema::RankStatus::NEVER_RUN) ==
              static_cast<int>(RankStatus::kNeverRun));
static_assert(static_cast<int>(schema::EventStatus::FAILED) ==
              static_cast<int>(EventStatus::kFailed));

}  // namespace

void write(const WorkerOperation& operation, schema::WorkerOperationMsg::Builder to) {
  to.setWorkerEventId(operation.number);
  to.setKind(static_cast<schema::OperationKind>(operation.kind));
  to.setLocation(textOf(operation.location));
  to.setAllChunks(operation.allChunks);
  if (!operation.allChunks) {
    to.setHashes(kj::arrayPtr(operation.chunks.data(), operation.chunks.size()));
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

OperationOutcome outcomeOf(const kj::Exception& exception) {
  if (exception.getType() == kj::Exception::Type::UNIMPLEMENTED) {
    return {.errorCode = kHealthUnexpected,
            .error = "the worker's client library knows no cache operations; update it"};
  }
  // Each hop of an exception through Cap'n Proto puts this in front.
  constexpr std::string_view kHop = "remote exception: ";
  std::string_view text(exception.getDescription().begin(), exception.getDescription().size());
  while (text.starts_with(kHop)) text.remove_prefix(kHop.size());
  return {.errorCode = kHealthError, .error = std::string(text)};
}

void write(const EventRecord& event, WithRanks withRanks, schema::EventInfo::Builder to) {
  const EventSummary summary = summarise(event);
  to.setEventId(textOf(event.id));
  to.setKind(static_cast<schema::OperationKind>(event.kind));
  to.setInstanceId(textOf(event.instance));
  to.setLocation(textOf(event.location));
  to.setNewInstanceId(textOf(event.toInstance));
  to.setNewLocation(textOf(event.toLocation));
  to.setMethod(textOf(event.method));
  to.setCopy(event.copy);
  to.setChunks(event.chunks);
  to.setTtlSeconds(event.ttlSeconds);
  to.setStatus(static_cast<schema::EventStatus>(summary.status));
  to.setNumTokens(summary.numTokens);
  to.setError(textOf(summary.error));
  to.setCreatedMs(event.createdWallMs);
  to.setFinishedMs(event.finishedWallMs);
  if (withRanks == WithRanks::kNo) return;
  auto ranks = to.initRanks(static_cast<kj::uint>(event.ranks.size()));
  for (kj::uint i = 0; i < ranks.size(); ++i) {
    const RankRecord& rank = event.ranks[i];
    ranks[i].setWorkerId(rank.worker);
    ranks[i].setStatus(static_cast<schema::RankStatus>(rank.status));
    ranks[i].setNumTokens(rank.numTokens);
    ranks[i].setErrorCode(rank.errorCode);
    ranks[i].setError(textOf(rank.error));
  }
}

}  // namespace holdfast
