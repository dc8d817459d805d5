// Says that a limit is near before it is reached.
#pragma once

#include <cstdint>
#include <set>

#include "core/limits.h"
#include "core/notice_sink.h"

namespace holdfast {

struct LimitUse {
  Limit limit = Limit::kWorkers;
  uint64_t used = 0;
  uint64_t max = 0;
};

class LimitWatch {
 public:
  // Keeps the reference.
  explicit LimitWatch(NoticeSink& notices) : notices_(notices) {}

  // A warning when nine tenths are used; another one only after use was below eight tenths.
  void check(const LimitUse& use);

 private:
  NoticeSink& notices_;
  std::set<Limit> near_;
};

}  // namespace holdfast
