// Tells a person how far things are: a bar on a terminal; elsewhere nothing but events, or a line
// every second where that was asked for.
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

  // The bar, at most ten times a second, or the line, at most once. `done` from 0 to 1; `details`
  // goes behind the remaining time.
  void show(double done, double secondsLeft, const std::string& details);
  // A line that stays.
  void event(const std::string& text);
  // Takes the bar away.
  void clear();

 private:
  const bool terminal_;
  const bool lines_;
  bool shown_ = false;
  uint64_t lastMs_ = 0;
};

}  // namespace holdfast::text
