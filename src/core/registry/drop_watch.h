// Says how many reports were dropped: a peer may send them as often as it likes, so in sums.
#pragma once

#include <cstdint>

#include "core/counters.h"
#include "core/notice_sink.h"

namespace holdfast {

class DropWatch {
 public:
  static constexpr uint64_t kIntervalMs = 60'000;

  // Keeps the reference.
  explicit DropWatch(NoticeSink& notices) : notices_(notices) {}

  // A notice of those since the last one, which must be kIntervalMs ago. `nowMs` is steady.
  void check(const Counters& counters, uint64_t nowMs);
  // What was counted so far is no concern any more.
  void restart(const Counters& counters);

 private:
  struct Drops {
    uint64_t all = 0;
    uint64_t locationNotStated = 0;
    uint64_t incarnationNotStated = 0;
  };
  static Drops dropsOf(const Counters& counters);

  NoticeSink& notices_;
  Drops told_;
  uint64_t nextMs_ = 0;
};

}  // namespace holdfast
