// How late a follower gets what its leader writes. The leader's wall clock says when a record was
// made, the follower's steady clock when it came; what lies between the two is the difference of
// the clocks and the way, and of the records of the last half minute the one for which that is
// least is taken to have come at once. So clocks need not agree, and one that is set is known again
// after a minute at most; until then ages are too high if it was set back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace holdfast::replication {

class RecordDelay {
 public:
  // Another leader's records come from now on: until they tell more, its wall clock is taken to
  // agree with this machine's. All times are ms.
  void begin(uint64_t wallMs, uint64_t steadyMs) {
    least_ = formerLeast_ = between(wallMs, steadyMs);
    sinceMs_ = wallMs;
  }

  // Of a record that says that it was made then, and came just now.
  uint64_t of(uint64_t madeWallMs, uint64_t steadyMs) {
    const int64_t took = between(madeWallMs, steadyMs);
    // By the leader's clock: what comes late must not count as time without anything in time.
    const uint64_t passed = std::max(madeWallMs, sinceMs_) - std::min(madeWallMs, sinceMs_);
    if (passed >= kKeptMs) {
      formerLeast_ = std::exchange(least_, took);
      sinceMs_ = madeWallMs;
    }
    least_ = std::min(least_, took);
    return static_cast<uint64_t>(took - std::min(least_, formerLeast_));
  }

 private:
  static constexpr uint64_t kKeptMs = 30'000;

  static int64_t between(uint64_t wallMs, uint64_t steadyMs) {
    return static_cast<int64_t>(steadyMs - wallMs);
  }

  int64_t least_ = 0;        // since sinceMs_ of the leader's clock
  int64_t formerLeast_ = 0;  // before that
  uint64_t sinceMs_ = 0;
};

}  // namespace holdfast::replication
