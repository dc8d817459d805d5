// Tells a person how far things are: a bar on a terminal, nothing but events elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace holdfast::fleet {

// Writes to standard error. Not thread-safe.
class Progress {
 public:
  Progress();
  // Leaves the terminal at the beginning of a line.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The bar, at most ten times a second. `done` from 0 to 1; `details` goes behind the remaining
  // time.
  void show(double done, double secondsLeft, const std::string& details);
  // A line that stays.
  void event(const std::string& text);
  // Takes the bar away.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  uint64_t lastMs_ = 0;
};

}  // namespace holdfast::fleet
