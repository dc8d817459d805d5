// How busy a worker says it is.
#pragma once

#include <cstdint>

namespace holdfast {

// In thousandths: 0 idle, 1,000 saturated; above it requests queue up.
using Load = uint32_t;

inline constexpr Load kLoadUnknown = ~Load{0};  // none is stated
inline constexpr Load kLoadSaturated = 1'000;
inline constexpr Load kLoadMax = 1'000'000;

// Loads of one step count as equal: a difference that means nothing must not send all routers to
// the same instance. Who states none counts as saturated: behind whoever has room, before whoever
// queues.
inline constexpr Load kLoadStep = 100;
constexpr uint32_t loadStepOf(Load load) {
  return (load == kLoadUnknown ? kLoadSaturated : load) / kLoadStep;
}

}  // namespace holdfast
