// Durations as people write them: "500ms", "5s", "10m", "1h"; a plain number is seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace holdfast {

// Milliseconds, at least 1; nothing if the text is no duration of 1 ms to 1,000 days.
std::optional<uint64_t> parseDurationMs(std::string_view text);

}  // namespace holdfast
