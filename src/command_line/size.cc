#include "command_line/size.h"

#include <cctype>
#include <charconv>

namespace holdfast {
namespace {

constexpr std::string_view kPrefixes = "kmgtpe";

// How often 1024 is in it: 0 for "" and "b".
std::optional<unsigned> powerOf(std::string_view unit) {
  std::string lower;
  for (const char c : unit) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  if (lower.empty() || lower == "b") return 0;
  const size_t power = kPrefixes.find(lower.front());
  const std::string rest = lower.substr(1);
  if (power == std::string_view::npos) return std::nullopt;
  if (!rest.empty() && rest != "b" && rest != "ib") return std::nullopt;
  return static_cast<unsigned>(power + 1);
}

}  // namespace

std::optional<uint64_t> parseSize(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  const auto power = powerOf(text);
  if (!power || number >> (63 - 10 * *power) != 0) return std::nullopt;
  return number << (10 * *power);
}

std::string sizeText(uint64_t bytes) {
  static constexpr std::string_view kUnits[] = {"", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < std::size(kUnits)) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

}  // namespace holdfast
