// Who asks, as both doors know it of a connection or a request.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/permissions.h"

namespace holdfast {

// What a token grants. A caller that needs none (loopback, a Unix socket, --auth off) is an
// operator without a name.
struct Principal {
  std::string name;  // of the token, or the subject of the certificate; empty: none was needed
  Role role = Role::kOperator;
  std::vector<std::string>
      instances;       // patterns: workers of other instances are refused; none: all
  uint64_t token = 0;  // names the entry of the token file; 0: none was needed

  bool may(Permission permission) const { return allows(role, permission); }
  // "*" in a pattern stands for any number of characters.
  bool mayBe(std::string_view instance) const;
};

// Why a connection of one whose token AccessControl::isValid() no more is ended, for the log.
std::string tokenGone(const Principal& principal);

// One that asked, for the log.
struct Caller {
  Principal principal;
  std::string peer;  // "10.0.0.7:51234", "a client of the Unix socket"
};

}  // namespace holdfast
