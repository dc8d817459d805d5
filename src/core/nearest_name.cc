#include "core/nearest_name.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace holdfast {
namespace {

constexpr size_t kWordBytesMax = 64;
// One letter of a name this short, or shorter, may differ.
constexpr size_t kShortNameBytes = 3;
// A shorter beginning of a name says too little.
constexpr size_t kBeginningBytesMin = 4;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool sameLetter(char a, char b) {
  return lower(a) == lower(b);
}

// Letters left out, added, replaced, or swapped with their neighbour. Both are bounded.
size_t distanceBetween(std::string_view a, std::string_view b) {
  using Row = std::array<size_t, kWordBytesMax + 1>;
  Row beforeLast{};
  Row last{};
  Row row{};
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    beforeLast = last;
    last = row;
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (sameLetter(a[i - 1], b[j - 1]) ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped =
          i > 1 && j > 1 && sameLetter(a[i - 1], b[j - 2]) && sameLetter(a[i - 2], b[j - 1]);
      if (swapped) row[j] = std::min(row[j], beforeLast[j - 2] + 1);
    }
  }
  return row[b.size()];
}

bool beginsWith(std::string_view name, std::string_view word) {
  return word.size() >= kBeginningBytesMin && word.size() < name.size() &&
         std::equal(word.begin(), word.end(), name.begin(), sameLetter);
}

}  // namespace

std::optional<std::string> nearestName(std::string_view word, std::span<const std::string> names) {
  if (word.empty() || word.size() > kWordBytesMax) return std::nullopt;
  std::optional<std::string> nearest;
  size_t least = kWordBytesMax;
  for (const std::string& name : names) {
    if (name.size() > kWordBytesMax) continue;
    const bool begun = beginsWith(name, word);
    const size_t distance = begun ? 1 : distanceBetween(word, name);
    const bool meant = begun || distance * 3 <= std::max(name.size(), kShortNameBytes);
    if (distance >= least || !meant) continue;
    least = distance;
    nearest = name;
  }
  return nearest;
}

}  // namespace holdfast
