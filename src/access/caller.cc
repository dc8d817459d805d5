#include "access/caller.h"

#include <algorithm>

#include "core/instance_pattern.h"
#include "core/limits.h"

namespace holdfast {

bool Principal::mayBe(std::string_view instance) const {
  if (instances.empty()) return true;
  // Nobody has checked it yet; what is longer than any id is none, and would take long to compare.
  return instance.size() <= kInstanceIdBytesMax &&
         std::any_of(instances.begin(), instances.end(),
                     [&](const std::string& pattern) { return matchesPattern(pattern, instance); });
}

std::string tokenGone(const Principal& principal) {
  return "its token '" + principal.name +
         "' is not in the token file any more, or its line has changed";
}

}  // namespace holdfast
