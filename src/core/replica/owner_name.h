// An owner of a store's family under a name that all stores of a group share: each store numbers
// its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace holdfast {

struct OwnerName {
  std::string instance;            // 1 to kInstanceIdBytesMax bytes
  std::optional<uint32_t> worker;  // none: the instance itself

  friend bool operator==(const OwnerName&, const OwnerName&) = default;
};

}  // namespace holdfast
