#include "command_line/duration.h"

#include <charconv>
#include <cmath>

namespace holdfast {

std::optional<uint64_t> parseDurationMs(std::string_view text) {
  constexpr double kMsMax = 1000.0 * 86'400'000.0;
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number)) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<size_t>(end - text.data()));
  double ms = 0;
  if (unit == "ms") {
    ms = number;
  } else if (unit.empty() || unit == "s") {
    ms = number * 1000;
  } else if (unit == "m") {
    ms = number * 60'000;
  } else if (unit == "h") {
    ms = number * 3'600'000;
  } else {
    return std::nullopt;
  }
  if (ms < 1 || ms > kMsMax) return std::nullopt;
  return static_cast<uint64_t>(std::llround(ms));
}

}  // namespace holdfast
