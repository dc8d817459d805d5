#include "serving/replica_gate.h"

#include <string>

#include "core/not_leading.h"

namespace holdfast {

std::optional<Error> leftToLeader(const ReplicaView& here) {
  if (here.takesWrites()) return std::nullopt;
  return notLeading(here.role, here.leader);
}

std::optional<Error> tooOld(const ReplicaView& here, uint64_t maxAgeMs) {
  if (here.role == ReplicaRole::kBootstrapping) {
    return Error{
        ErrorCode::kUnavailable,
        "this controller is bootstrapping and answers no look-up yet; " + whoLeads(here.leader)};
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
