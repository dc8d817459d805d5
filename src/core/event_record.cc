#include "core/event_record.h"

namespace holdfast {

std::string_view rankStatusName(RankStatus status) {
  switch (status) {
    case RankStatus::kPending:
      return "pending";
    case RankStatus::kRunning:
      return "running";
    case RankStatus::kUnknown:
      return "unknown";
    case RankStatus::kDone:
      return "done";
    case RankStatus::kFailed:
      return "failed";
    case RankStatus::kTimedOut:
      return "timed out";
    case RankStatus::kLost:
      return "lost";
    case RankStatus::kNeverRun:
      return "never run";
  }
  return "?";
}

std::string_view eventStatusName(EventStatus status) {
  switch (status) {
    case EventStatus::kRunning:
      return "running";
    case EventStatus::kUnknown:
      return "unknown";
    case EventStatus::kDone:
      return "done";
    case EventStatus::kFailed:
      return "failed";
  }
  return "?";
}

}  // namespace holdfast
