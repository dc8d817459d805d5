// Shows people how far a long run is: a bar on a terminal; elsewhere only events, or a line every
// second if asked for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::text {

// Writes to standard error. Not thread-safe.
class Progress {
 public:
  explicit Progress(bool lines = false);
  // Leaves the terminal at the beginning of a line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Draws the bar (at most ten times a second) or prints the line (at most once a second). `done`
  // is 0 to 1; `details` follow the remaining time.
  void show(double done, double secondsLeft, const std::string& details);
  // A line that stays.
  void event(const std::string& text);
  // Removes the bar.
  void clear();

 private:
  const bool terminal_;
  const bool lines_;
  bool shown_ = false;
  uint64_t lastMs_ = 0;
};

}  // namespace holdfast::text
