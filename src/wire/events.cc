#include "wire/events.h"

#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::RankStatus::DONE, RankStatus::kDone));
static_assert(sameNumber(schema::RankStatus::NEVER_RUN, RankStatus::kNeverRun));
static_assert(sameNumber(schema::EventStatus::FAILED, EventStatus::kFailed));

}  // namespace

void write(const EventRecord& event, const EventSummary& summary, schema::EventInfo::Builder to) {
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
}

void write(const EventRecord& event, schema::EventInfo::Builder to) {
  write(event, summarise(event), to);
  auto ranks = to.initRanks(listSize(event.ranks.size()));
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
