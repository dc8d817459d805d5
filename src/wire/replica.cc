#include "wire/replica.h"

#include "wire/enums.h"
#include "wire/text.h"

namespace holdfast {
namespace {

static_assert(sameNumber(schema::ReplicaRole::ALONE, ReplicaRole::kAlone));
static_assert(sameNumber(schema::ReplicaRole::BOOTSTRAPPING, ReplicaRole::kBootstrapping));
static_assert(sameNumber(schema::ReplicaRole::FOLLOWER, ReplicaRole::kFollower));
static_assert(sameNumber(schema::ReplicaRole::CANDIDATE, ReplicaRole::kCandidate));
static_assert(sameNumber(schema::ReplicaRole::LEADER, ReplicaRole::kLeader));
static_assert(sameNumber(schema::ReplicaRole::CUT_OFF, ReplicaRole::kCutOff));

}  // namespace

void write(const ReplicaView& replica, schema::ReplicaInfo::Builder to) {
  to.setRole(static_cast<schema::ReplicaRole>(replica.role));
  to.setEpoch(replica.epoch);
  to.setIndex(replica.index);
  to.setAgeMs(replica.ageMs);
  to.setLag(replica.lag);
  to.setLeader(textOf(replica.leader));
  to.setLog(textOf(replica.log));
}

ReplicaStatus read(schema::ReplicaInfo::Reader from) {
  return {.role = enumerantName(from.getRole()),
          .epoch = from.getEpoch(),
          .index = from.getIndex(),
          .ageMs = from.getAgeMs(),
          .lag = from.getLag(),
          .leader = stringOf(from.getLeader()),
          .log = stringOf(from.getLog())};
}

}  // namespace holdfast
