// Whose events a simulated engine publishes.
#pragma once

#include <cstdint>

namespace holdfast::fleet {

enum class EngineKind : uint8_t { kVllm, kSglang };

}  // namespace holdfast::fleet
