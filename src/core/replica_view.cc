#include "core/replica_view.h"

namespace holdfast {

std::string_view replicaRoleName(ReplicaRole role) {
  switch (role) {
    case ReplicaRole::kAlone:
      return "alone";
    case ReplicaRole::kBootstrapping:
      return "bootstrapping";
    case ReplicaRole::kFollower:
      return "follower";
    case ReplicaRole::kCandidate:
      return "candidate";
    case ReplicaRole::kLeader:
      return "leader";
    case ReplicaRole::kCutOff:
      return "cutOff";
  }
  return "?";
}

void NoGroup::stepDown(std::function<void(const std::optional<Error>&)> done) {
  done(Error{ErrorCode::kRefused, "this controller is not in a group: nobody could take over"});
}

}  // namespace holdfast
