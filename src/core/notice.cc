#include "core/notice.h"

#include <cstdio>

namespace holdfast {
namespace notice {

std::string_view nameOf(Known known) {
  switch (known) {
    case Known::kNew:
      return "new";
    case Known::kSameProcess:
      return "same process";
    case Known::kOtherProcess:
      return "other process";
    case Known::kRecovered:
      return "recovered";
  }
  return "?";
}

std::string_view nameOf(LostCause cause) {
  switch (cause) {
    case LostCause::kConnectionGone:
      return "connection gone";
    case LostCause::kNotBack:
      return "not back";
    case LostCause::kSilent:
      return "silent";
    case LostCause::kBrokeProtocol:
      return "broke the protocol";
  }
  return "?";
}

std::string_view nameOf(SyncFailure cause) {
  switch (cause) {
    case SyncFailure::kReplayRefused:
      return "replay refused";
    case SyncFailure::kReplayTimedOut:
      return "replay timed out";
    case SyncFailure::kGapOverflow:
      return "gap overflow";
    case SyncFailure::kPendingOverflow:
      return "pending overflow";
    case SyncFailure::kOtherContent:
      return "other content";
    case SyncFailure::kNotStarted:
      return "not started";
    case SyncFailure::kInactive:
      return "inactive";
  }
  return "?";
}

std::string hexOf(const KeyDigest& digest) {
  char hex[2 * 16 + 1];
  std::snprintf(hex, sizeof hex, "%016lx%016lx", digest.a, digest.b);
  return hex;
}

}  // namespace notice

std::string_view noticeName(size_t kind) {
  static constexpr auto kNames = []<typename... Kinds>(std::variant<Kinds...>*) {
    return std::array{Kinds::kName...};
  }(static_cast<Notice*>(nullptr));
  return kNames[kind];
}

NoticeLevel levelOf(const Notice& notice) {
  return std::visit(
      [](const auto& one) -> NoticeLevel {
        if constexpr (requires { one.level(); }) return one.level();
        return one.kLevel;
      },
      notice);
}

}  // namespace holdfast
