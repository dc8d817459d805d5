// Notices of cache operations.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/cache_operations.h"
#include "core/notices/subjects.h"

namespace holdfast::notice {

struct OperationBegun {
  static constexpr std::string_view kName = "operation_begun";
  static constexpr NoticeLevel kLevel = kDebug;
  std::string event;  // its id
  OperationKind kind = OperationKind::kClear;
  std::string instance;
  uint64_t ranks = 0;

  void fields(auto& visit) const {
    visit("event_id", std::string_view(event));
    visit("kind", operationName(kind));
    visit("instance", std::string_view(instance));
    visit("ranks", ranks);
  }
};

// Every rank did it.
struct OperationDone {
  static constexpr std::string_view kName = "operation_done";
  static constexpr NoticeLevel kLevel = kInfo;
  std::string event;
  OperationKind kind = OperationKind::kClear;
  std::string instance;
  uint64_t ranks = 0;
  uint64_t tokens = 0;
  uint64_t durationMs = 0;

  void fields(auto& visit) const {
    visit("event_id", std::string_view(event));
    visit("kind", operationName(kind));
    visit("instance", std::string_view(instance));
    visit("ranks", ranks);
    visit("tokens", tokens);
    visit("duration_ms", durationMs);
  }
};

// Some rank did not.
struct OperationFailed {
  static constexpr std::string_view kName = "operation_failed";
  static constexpr NoticeLevel kLevel = kWarning;
  std::string event;
  OperationKind kind = OperationKind::kClear;
  std::string instance;
  std::string error;
  uint64_t durationMs = 0;

  void fields(auto& visit) const {
    visit("event_id", std::string_view(event));
    visit("kind", operationName(kind));
    visit("instance", std::string_view(instance));
    visit("error", std::string_view(error));
    visit("duration_ms", durationMs);
  }
};

}  // namespace holdfast::notice
