#include "command_line/duration.h"

#include <charconv>
#include <cmath>
#include <span>

namespace holdfast {
namespace {

struct Unit {
  std::string_view name;
  uint64_t ms;
};
constexpr Unit kUnits[] = {
    {"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}};
constexpr double kMsMax = 1000.0 * 86'400'000.0;

// Takes a number off the text.
std::optional<double> takeNumber(std::string_view& text) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(number) || std::signbit(number)) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

// Takes one of these units off the text, and leaves the smaller ones.
std::optional<uint64_t> takeUnit(std::string_view& text, std::span<const Unit>& units) {
  const std::string_view name = text.substr(0, text.find_first_not_of("dhms"));
  for (size_t i = 0; i < units.size(); ++i) {
    if (units[i].name != name) continue;
    const uint64_t ms = units[i].ms;
    units = units.subspan(i + 1);
    text.remove_prefix(name.size());
    return ms;
  }
  return std::nullopt;
}

}  // namespace

std::optional<uint64_t> parseDurationMs(std::string_view text) {
  double ms = 0;
  std::span<const Unit> units = kUnits;
  do {
    const auto number = takeNumber(text);
    if (!number) return std::nullopt;
    const bool plain = text.empty() && units.size() == std::size(kUnits);
    const auto unit = plain ? std::optional<uint64_t>(1'000) : takeUnit(text, units);
    if (!unit) return std::nullopt;
    ms += *number * static_cast<double>(*unit);
  } while (!text.empty());
  if (ms < 1 || ms > kMsMax) return std::nullopt;
  return static_cast<uint64_t>(std::llround(ms));
}

std::string durationText(uint64_t ms) {
  std::string text;
  for (const Unit& unit : kUnits) {
    if (ms < unit.ms) continue;
    text += std::to_string(ms / unit.ms) + std::string(unit.name);
    ms %= unit.ms;
  }
  return text.empty() ? "0ms" : text;
}

}  // namespace holdfast
