#include "access/caller.h"

#include <algorithm>
#include <cstddef>

#include "core/limits.h"

namespace holdfast {
namespace {

// With "*" for any number of characters. Takes at most as many steps as the product of both sizes.
bool matches(std::string_view pattern, std::string_view text) {
  size_t at = 0;
  size_t in = 0;
  size_t star = std::string_view::npos;
  size_t resumeIn = 0;
  while (in < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      resumeIn = in;
    } else if (at < pattern.size() && pattern[at] == text[in]) {
      ++at;
      ++in;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      in = ++resumeIn;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == std::string_view::npos;
}

}  // namespace

bool Principal::mayBe(std::string_view instance) const {
  if (instances.empty()) return true;
  // Nobody has checked it yet; what is longer than any id is none, and would take long to compare.
  return instance.size() <= kInstanceIdBytesMax &&
         std::any_of(instances.begin(), instances.end(),
                     [&](const std::string& pattern) { return matches(pattern, instance); });
}

}  // namespace holdfast
