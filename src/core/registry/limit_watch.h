// Says that a limit is near before it is reached.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>

#include "core/notice_sink.h"

namespace holdfast {

// What a limit bounds, and how much of it is used.
struct LimitUse {
  std::string_view name;  // "workers"
  uint64_t used = 0;
  uint64_t max = 0;
  std::string_view remedy;  // what happens at the limit and what to do; for people
};

class LimitWatch {
 public:
  // Keeps the reference.
  explicit LimitWatch(NoticeSink& notices) : notices_(notices) {}

  // A warning when nine tenths are used; another one only after use was below eight tenths.
  void check(const LimitUse& use);

 private:
  NoticeSink& notices_;
  std::set<std::string_view> near_;  // names, which are literals
};

}  // namespace holdfast
