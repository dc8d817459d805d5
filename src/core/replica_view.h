// What a controller is in its group, and the seam by which those who answer for it ask. Plain
// values; the group itself is run elsewhere, and a controller without one is alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast {

// As in schema/messages.capnp, same order.
enum class ReplicaRole : uint8_t {
  kAlone,          // it has no group: what it has is all there is
  kBootstrapping,  // has nothing yet, or not enough: it answers no look-up
  kFollower,       // keeps up with the log, and answers look-ups
  kCandidate,      // wants to lead: until it does, as a follower
  kLeader,         // takes writes, and has the workers
  kCutOff,         // leads as far as it knows, but the log has not heard it for long: another one
                   // may lead by now. Takes no writes, has no workers, answers look-ups
};
inline constexpr size_t kReplicaRoles = 6;
std::string_view replicaRoleName(ReplicaRole role);  // "follower"

struct ReplicaView {
  ReplicaRole role = ReplicaRole::kAlone;
  uint64_t epoch = 0;  // of the newest leader that it knows of
  // The last frame of the log that its registry has. A leader's registry may have more, which is
  // not in the log yet.
  uint64_t index = 0;
  // What it answers may be that old: since the newest valid record that came was made; of a leader,
  // since the log has acknowledged one up to which nobody else led, 0 as long as none is overdue.
  // 0 for who is alone. kAgeUnknown: none came yet.
  uint64_t ageMs = 0;
  uint64_t lag = 0;         // records of the log that it knows to be there and has not applied
  std::string leader = {};  // where workers and routers find the leader, host:port; empty: unknown
  std::string log = {};     // identity of the log; empty: none, or not known yet

  static constexpr uint64_t kAgeUnknown = ~uint64_t{0};

  // Whether its registry may have what is not in the log yet.
  bool mayBeAhead() const { return takesWrites() || role == ReplicaRole::kCutOff; }
  // Whether it may take what changes anything: workers, operations, an operator's orders.
  bool takesWrites() const { return role == ReplicaRole::kAlone || role == ReplicaRole::kLeader; }
};

// A controller's place in its group. On the loop's thread only.
class GroupMember {
 public:
  virtual ~GroupMember() = default;
  // As of now. Cheap, since every look-up asks: no allocation, no waiting. The reference is good
  // until the next call.
  virtual const ReplicaView& view() = 0;
  // A leader hands over: what it has confirmed stays, and another one takes over at once. `done` is
  // called once, maybe before this returns: with nothing when another one has taken over or it has
  // ceased to lead, else with why not (kRefused: it does not lead; kUnavailable: nobody could take
  // over).
  virtual void stepDown(std::function<void(const std::optional<Error>&)> done) = 0;
};

// A controller without a group: alone, and refuses to step down.
class NoGroup final : public GroupMember {
 public:
  const ReplicaView& view() override { return view_; }
  void stepDown(std::function<void(const std::optional<Error>&)> done) override;

 private:
  const ReplicaView view_{};
};

}  // namespace holdfast
