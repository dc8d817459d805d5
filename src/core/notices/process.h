// Notices of the controller itself.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/limits.h"
#include "core/notices/subjects.h"

namespace holdfast::notice {

struct LimitNear {
  static constexpr std::string_view kName = "limit_near";
  static constexpr NoticeLevel kLevel = kWarning;
  Limit limit = Limit::kWorkers;
  uint64_t used = 0;
  uint64_t max = 0;

  void fields(auto& visit) const {
    visit("limit", limitName(limit));
    visit("used", used);
    visit("max", max);
  }
};

// The capture log cannot go on.
struct CaptureEnded {
  static constexpr std::string_view kName = "capture_ended";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string folder;
  std::string reason;

  void fields(auto& visit) const {
    visit("folder", std::string_view(folder));
    visit("reason", std::string_view(reason));
  }
};

struct InternalError {
  static constexpr std::string_view kName = "internal_error";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string error;

  void fields(auto& visit) const { visit("error", std::string_view(error)); }
};

}  // namespace holdfast::notice
