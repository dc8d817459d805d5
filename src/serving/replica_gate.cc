#include "serving/replica_gate.h"

#include <string>

namespace holdfast {
namespace {

std::string whoLeads(const ReplicaView& here) {
  return here.leader.empty() ? "who leads is not known yet, try again"
                             : "the leader is " + here.leader;
}

}  // namespace

std::optional<Error> leftToLeader(const ReplicaView& here) {
  if (here.takesWrites()) return std::nullopt;
  if (here.role == ReplicaRole::kCutOff) {
    return Error{ErrorCode::kUnavailable,
                 "this controller is cut off from the log of its group: whether it still leads is "
                 "not known, try another one"};
  }
  return Error{ErrorCode::kUnavailable, "this controller does not lead its group, it is " +
                                            std::string(replicaRoleName(here.role)) + "; " +
                                            whoLeads(here)};
}

std::optional<Error> tooOld(const ReplicaView& here, uint64_t maxAgeMs) {
  if (here.role == ReplicaRole::kBootstrapping) {
    return Error{ErrorCode::kUnavailable,
                 "this controller is bootstrapping and answers no look-up yet; " + whoLeads(here)};
  }
  if (maxAgeMs == 0 || here.ageMs <= maxAgeMs) return std::nullopt;
  if (here.ageMs == ReplicaView::kAgeUnknown) {
    return Error{ErrorCode::kUnavailable,
                 "stale: nothing of its group's log has come to this controller yet"};
  }
  return Error{ErrorCode::kUnavailable,
               "stale by " + std::to_string(here.ageMs - maxAgeMs) +
                   " ms: the last of its group's log came to this controller " +
                   std::to_string(here.ageMs) + " ms ago, at most " + std::to_string(maxAgeMs) +
                   " ms are asked for"};
}

}  // namespace holdfast
