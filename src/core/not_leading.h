// What whoever wants what only the leader of a group does is told by another controller: the one
// place that words it, for the controller itself and for those who ask before it.
#pragma once

#include <string>

#include "core/replica_view.h"
#include "core/result.h"

namespace holdfast {

// "the leader is HOST:PORT"; `leader`: empty where nobody knows.
inline std::string whoLeads(const std::string& leader) {
  return leader.empty() ? "who leads is not known yet, try again" : "the leader is " + leader;
}

// kUnavailable. `role`: of the controller that says it.
inline Error notLeading(ReplicaRole role, const std::string& leader) {
  if (role == ReplicaRole::kCutOff) {
    return {ErrorCode::kUnavailable,
            "this controller is cut off from the log of its group: whether it still leads is not "
            "known, try another one"};
  }
  return {ErrorCode::kUnavailable, "this controller does not lead its group, it is " +
                                       std::string(replicaRoleName(role)) + "; " +
                                       whoLeads(leader)};
}

}  // namespace holdfast
