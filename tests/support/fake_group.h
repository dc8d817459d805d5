// A controller's place in a group, as a test says that it is.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/replica_view.h"

namespace holdfast::test {

class FakeGroup final : public GroupMember {
 public:
  using Done = std::function<void(const std::optional<Error>&)>;

  const ReplicaView& view() override { return now; }
  // Without a group, as a controller without one.
  void stepDown(Done done) override {
    if (now.role == ReplicaRole::kAlone) return NoGroup().stepDown(std::move(done));
    asked.push_back(std::move(done));
  }

  ReplicaView now;
  std::vector<Done> asked;  // to step down; the test answers
};

// As the leader's neighbours are.
inline ReplicaView follower(std::string leader, uint64_t ageMs = 0) {
  return {.role = ReplicaRole::kFollower,
          .epoch = 3,
          .index = 70,
          .ageMs = ageMs,
          .lag = 2,
          .leader = std::move(leader),
          .log = "log-1"};
}
// A leader that its log has not heard for so long.
inline ReplicaView cutOff(uint64_t ageMs = 1'500) {
  return {.role = ReplicaRole::kCutOff, .epoch = 3, .index = 70, .ageMs = ageMs, .log = "log-1"};
}
inline ReplicaView leader(std::string address, uint64_t epoch = 3) {
  return {.role = ReplicaRole::kLeader,
          .epoch = epoch,
          .index = 70,
          .leader = std::move(address),
          .log = "log-1"};
}

}  // namespace holdfast::test
