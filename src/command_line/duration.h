// Durations as people write them: "500ms", "5s", "10m", "1h30m", "1d"; a plain number is seconds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// Milliseconds, at least 1; nothing if the text is no duration of 1 ms to 1,000 days. Of several
// parts each is of a smaller unit than the one before.
std::optional<uint64_t> parseDurationMs(std::string_view text);

// The same, written: "1h30m". 0 is "0ms".
std::string durationText(uint64_t ms);

}  // namespace holdfast
