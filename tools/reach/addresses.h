// Which controllers an option names.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace holdfast::reach {

// "host:port", "[v6]:port" or "unix:PATH", or up to 16 of them, separated by commas. kInvalid, with
// a sentence.
Result<std::vector<std::string>> addressesIn(const std::string& list);

}  // namespace holdfast::reach
