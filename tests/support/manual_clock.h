// Time that a test passes.
#pragma once

#include "core/clock.h"

namespace holdfast::test {

class ManualClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return 1'700'000'000'000 + nowMs + wallAheadMs; }
  uint64_t wallAheadMs = 0;  // of the others
  uint64_t nowMs = 1'000;
};

}  // namespace holdfast::test
