// A built-in workload with the statistics of one hour of a real LLM service (12,031 requests of
// the Mooncake conversation trace; 512 tokens a chunk): prompts of 24 chunks on average and at most
// 247, 36.6 % of all chunks seen before. Every prompt begins with one common chunk; conversations
// come back after minutes with what was said, minus the last, unfinished chunk, plus something new;
// some begin with a longer system prompt that many share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fleet/request.h"

namespace holdfast::fleet {

inline constexpr size_t kPromptChunksMax = 247;

// Exactly `requests` (1..kRequestsMax), the same for the same seed. Timestamps span an hour, or
// more if there are more requests than the service saw in an hour.
std::vector<Request> generateWorkload(size_t requests, uint64_t seed);

}  // namespace holdfast::fleet
