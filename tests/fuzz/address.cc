#include "core/address.h"

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void address(std::string_view input) {
  const Result<Address> parsed = parseAddress(input);
  if (!parsed.ok()) {
    FUZZ_CHECK(!parsed.error().message.empty());
    return;
  }
  const Address& value = parsed.value();
  if (value.isUnix()) {
    FUZZ_CHECK(!value.unixPath.empty() && value.unixPath.size() <= kUnixPathBytesMax);
    FUZZ_CHECK(value.unixPath.find('\0') == std::string::npos);
  } else {
    FUZZ_CHECK(value.unixPath.empty());
    FUZZ_CHECK(value.host.find('\0') == std::string::npos);
  }
}

}  // namespace holdfast::fuzz
