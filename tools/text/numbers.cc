#include "text/numbers.h"

#include <charconv>
#include <optional>
#include <string>

#include "core/ids.h"

namespace holdfast::text {
namespace {

constexpr std::string_view kSeparators = " \t\r\n,[]";

template <typename T>
std::optional<T> parseNumber(std::string_view word, int base) {
  T value{};
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, value, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<uint64_t> parseHash(std::string_view word) {
  if (word.starts_with("0x")) return parseNumber<uint64_t>(word.substr(2), 16);
  if (word.starts_with("-")) {
    const auto value = parseNumber<int64_t>(word, 10);
    if (!value) return std::nullopt;
    return static_cast<uint64_t>(*value);
  }
  return parseNumber<uint64_t>(word, 10);
}

template <typename T, typename Parse>
Result<std::vector<T>> parseAll(std::string_view text, const char* what, Parse parse) {
  std::vector<T> numbers;
  while (true) {
    const size_t begin = text.find_first_not_of(kSeparators);
    if (begin == std::string_view::npos) return numbers;
    const size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const std::optional<T> number = parse(word);
    if (!number) return Error{ErrorCode::kInvalid, quotedForPeople(word) + " is no " + what};
    numbers.push_back(*number);
    text.remove_prefix(end);
  }
}

}  // namespace

Result<std::vector<uint32_t>> parseTokens(std::string_view text) {
  return parseAll<uint32_t>(text, "token: a decimal number up to 4294967295 is expected",
                            [](std::string_view word) { return parseNumber<uint32_t>(word, 10); });
}

Result<std::vector<uint64_t>> parseHashes(std::string_view text) {
  return parseAll<uint64_t>(text,
                            "chunk hash: 64 bits, decimal or hexadecimal with 0x, are expected",
                            [](std::string_view word) { return parseHash(word); });
}

}  // namespace holdfast::text
