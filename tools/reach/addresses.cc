#include "reach/addresses.h"

#include "client/controller_address.h"
#include "core/address.h"

namespace holdfast::reach {

Result<std::vector<std::string>> addressesIn(const std::string& list) {
  std::vector<std::string> addresses = controllerAddresses(list);
  // Says more of what is wrong.
  for (const std::string& address : addresses) {
    if (const auto parsed = parseAddress(address); !parsed.ok()) return parsed.error();
  }
  if (const auto wrong = invalidControllerAddresses(list)) {
    return Error{ErrorCode::kInvalid, *wrong};
  }
  return addresses;
}

}  // namespace holdfast::reach
