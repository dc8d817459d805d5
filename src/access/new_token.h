// A token that nobody has had before.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"
#include "core/result.h"

namespace holdfast {

struct NewToken {
  std::string token;  // for its owner: nothing else can bring it back
  std::string line;   // for the token file, without a line end
};

// From the system's random numbers, 256 bits. The error says what is wrong with the name or the
// patterns (token_file.h).
Result<NewToken> newToken(Role role, std::string_view name,
                          const std::vector<std::string>& instances);

}  // namespace holdfast
