// Keeps a crowd from flooding the log: 4,096 workers that register after a restart are not so many
// lines.
#pragma once

#include <array>
#include <cstdint>

#include "core/notice.h"

namespace holdfast {

// Counts, by kind, what is left out beyond so many in an interval. The interval of a kind begins
// with the first one after the last interval. Times are of any clock that only rises.
class NoticeLimit {
 public:
  static constexpr uint64_t kIntervalMs = 10'000;
  static constexpr uint32_t kMax = 100;

  // Whether this one is to be told; else it is counted.
  bool take(const Notice& notice, uint64_t nowMs);
  // Calls tell(NoticesLeftOut) for each kind of which some were left out in an interval that is
  // over. To be called about once a second.
  template <typename Tell>
  void tick(uint64_t nowMs, Tell&& tell) {
    for (size_t kind = 0; kind < kNoticeKinds; ++kind) {
      Kind& one = kinds_[kind];
      if (one.told == 0 || nowMs - one.beganMs < kIntervalMs) continue;
      end(kind, tell);
    }
  }
  // The same at the end, of the intervals that are not over.
  template <typename Tell>
  void finish(Tell&& tell) {
    for (size_t kind = 0; kind < kNoticeKinds; ++kind) end(kind, tell);
  }

 private:
  struct Kind {
    uint64_t beganMs = 0;
    uint32_t told = 0;
    uint64_t leftOut = 0;
  };
  template <typename Tell>
  void end(size_t kind, Tell&& tell) {
    const uint64_t leftOut = kinds_[kind].leftOut;
    kinds_[kind] = {};
    if (leftOut != 0) tell(notice::NoticesLeftOut{kind, leftOut, kIntervalMs});
  }

  std::array<Kind, kNoticeKinds> kinds_{};
};

}  // namespace holdfast
