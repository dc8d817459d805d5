#include "fleet/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace holdfast::fleet {

namespace {

constexpr int kBarWidth = 30;
constexpr uint64_t kIntervalMs = 100;
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

Progress::Progress() : terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  clear();
}

void Progress::show(double done, double secondsLeft, const std::string& details) {
  if (!terminal_) return;
  const auto nowMs = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now().time_since_epoch())
                                               .count());
  if (shown_ && nowMs - lastMs_ < kIntervalMs) return;
  lastMs_ = nowMs;
  shown_ = true;
  done = std::clamp(done, 0.0, 1.0);
  const int filled = static_cast<int>(done * kBarWidth);
  std::fprintf(stderr, "%s[%.*s%*s] %3.0f %%  %4.1f s left  %s", kEraseLine, filled,
               "##############################", kBarWidth - filled, "", done * 100,
               std::max(secondsLeft, 0.0), details.c_str());
  std::fflush(stderr);
}

void Progress::event(const std::string& text) {
  clear();
  std::fprintf(stderr, "%s\n", text.c_str());
}

void Progress::clear() {
  if (!shown_) return;
  std::fputs(kEraseLine, stderr);
  std::fflush(stderr);
  shown_ = false;
}

}  // namespace holdfast::fleet
