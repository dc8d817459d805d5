// What the kinds of notices are made of: their levels, and whom they are about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace holdfast {

// kDebug: what there may be too much of for a log that people read. A kind has one level, kLevel;
// one whose level goes by what it says has level() beside it.
enum class NoticeLevel : uint8_t { kDebug, kInfo, kWarning };

// Whom a notice is about. fields() calls visit(name, value) with each field, in order; a value is a
// std::string_view, a uint64_t or a bool.
struct WorkerName {
  std::string instance;
  uint32_t worker = 0;

  void fields(auto& visit) const {
    visit("instance", std::string_view(instance));
    visit("worker", uint64_t{worker});
  }
};

struct LocationName {
  WorkerName worker;
  std::string location;

  void fields(auto& visit) const {
    worker.fields(visit);
    visit("location", std::string_view(location));
  }
};

// Name of a kind, for programs: "worker_lost". kind < kNoticeKinds
std::string_view noticeName(size_t kind);

namespace notice {

inline constexpr NoticeLevel kDebug = NoticeLevel::kDebug;
inline constexpr NoticeLevel kInfo = NoticeLevel::kInfo;
inline constexpr NoticeLevel kWarning = NoticeLevel::kWarning;

}  // namespace notice
}  // namespace holdfast
