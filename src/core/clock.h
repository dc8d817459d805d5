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
};

}  // namespace holdfast
