// Event ids of answers that no event stands behind: LMCache draws one for everything.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "http/write_views.h"

namespace holdfast::http::lmcache {

// Unlike those of other processes, as far as random numbers can make them so.
class EventIds {
 public:
  // "Lookup-9f86d081884c7d65-17"
  std::string next(std::string_view kind) {
    return std::string(kind) + "-" + process_ + "-" + std::to_string(++last_);
  }

 private:
  static uint64_t random() {
    std::random_device device;
    return (uint64_t{device()} << 32) | device();
  }

  const std::string process_ = hexText(random());
  uint64_t last_ = 0;
};

}  // namespace holdfast::http::lmcache
