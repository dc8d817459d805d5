// Values of records as the 64-bit words that they are made of.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace holdfast {

// The words of a value, copied only if it is not aligned. Nothing if it is not whole words.
inline std::optional<std::span<const uint64_t>> alignedWords(std::string_view value,
                                                             std::vector<uint64_t>& scratch) {
  if (value.empty() || value.size() % sizeof(uint64_t) != 0) return std::nullopt;
  const size_t words = value.size() / sizeof(uint64_t);
  if (reinterpret_cast<uintptr_t>(value.data()) % alignof(uint64_t) == 0) {
    return std::span(reinterpret_cast<const uint64_t*>(value.data()), words);
  }
  scratch.resize(words);
  std::memcpy(scratch.data(), value.data(), value.size());
  return std::span<const uint64_t>(scratch);
}

}  // namespace holdfast
