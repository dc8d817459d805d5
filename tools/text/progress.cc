#include "text/progress.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace holdfast::text {

namespace {

constexpr int kBarWidth = 30;
constexpr uint64_t kIntervalMs = 100;
constexpr uint64_t kLineIntervalMs = 1000;
constexpr const char* kEraseLine = "\r\x1b[K";

}  // namespace

Progress::Progress(bool lines) : terminal_(isatty(STDERR_FILENO) == 1), lines_(lines) {}

Progress::~Progress() {
  clear();
}

void Progress::show(double done, double secondsLeft, const std::string& details) {
  if (!terminal_ && !lines_) return;
  const auto nowMs = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                               std::chrono::steady_clock::now().time_since_epoch())
                                               .count());
  if (nowMs - lastMs_ < (terminal_ ? kIntervalMs : kLineIntervalMs)) return;
  lastMs_ = nowMs;
  done = std::clamp(done, 0.0, 1.0);
  secondsLeft = std::max(secondsLeft, 0.0);
  if (!terminal_) {
    std::fprintf(stderr, "%3.0f %%, %.1f s left, %s\n", done * 100, secondsLeft, details.c_str());
    return;
  }
  shown_ = true;
  const int filled = static_cast<int>(done * kBarWidth);
  std::fprintf(stderr, "%s[%.*s%*s] %3.0f %%  %4.1f s left  %s", kEraseLine, filled,
               "##############################", kBarWidth - filled, "", done * 100, secondsLeft,
               details.c_str());
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

}  // namespace holdfast::text
