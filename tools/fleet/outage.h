// When people are told that the controller is gone and that all workers are back. A fail-over of a
// group shows as several short losses: workers find the new leader, lose it, find it again. That is
// one outage, told once.
#pragma once

namespace holdfast::fleet {

class Outage {
 public:
  enum class News { kNone, kGone, kBack };
  static constexpr double kQuietSeconds = 1;  // that all have to be there before it is over

  // `whole`: all workers are registered. `now`: seconds of any clock that only rises.
  News see(bool whole, double now) {
    if (!whole) {
      backAt_ = -1;
      if (gone_) return News::kNone;
      gone_ = true;
      goneAt_ = now;
      return News::kGone;
    }
    if (!gone_) return News::kNone;
    if (backAt_ < 0) backAt_ = now;
    if (now - backAt_ < kQuietSeconds) return News::kNone;
    gone_ = false;
    return News::kBack;
  }
  // Of the last one that is over: until the last of the workers was back.
  double seconds() const { return backAt_ - goneAt_; }

 private:
  bool gone_ = false;
  double goneAt_ = 0;
  double backAt_ = -1;  // since when all are there again; -1: they are not
};

}  // namespace holdfast::fleet
