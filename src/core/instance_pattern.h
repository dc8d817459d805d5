// Patterns of instance ids, as token files and options have them.
#pragma once

#include <string_view>

namespace holdfast {

// "*" in the pattern stands for any number of characters. Takes at most as many steps as the
// product of both sizes.
bool matchesPattern(std::string_view pattern, std::string_view text);

}  // namespace holdfast
