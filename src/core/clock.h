// Time as an argument.
#pragma once

#include <cstdint>

namespace holdfast {

class Clock {
 public:
  virtual ~Clock() = default;
  // Milliseconds of a steady clock with an arbitrary origin; never goes back. For time-outs.
  virtual uint64_t steadyMs() const = 0;
  // Milliseconds since 1970-01-01 UTC. For records that people read; may jump.
  virtual uint64_t wallMs() const = 0;
  // Store time: milliseconds on a line that began at the wall clock's time when the store was made.
  // It goes on while the loop is held up and while the controller is down, never goes back, and
  // follows no jump of the wall clock. For what is stored with an end, and nothing else. A clock
  // without such a line has the wall clock's time.
  virtual uint64_t storeMs() const { return wallMs(); }
};

}  // namespace holdfast
