#include "access/token_file.h"

#include <string>

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void tokenFile(std::string_view input) {
  const auto parsed = parseTokenFile(input, "tokens");
  if (!parsed.ok()) {
    FUZZ_CHECK(parsed.error().message.starts_with("tokens:"));
    return;
  }
  FUZZ_CHECK(!parsed.value().empty() && parsed.value().size() <= kTokensMax);
  // What is written of it is read as the same.
  std::string written;
  for (const TokenEntry& entry : parsed.value()) written += lineOf(entry) + "\n";
  const auto again = parseTokenFile(written, "tokens");
  FUZZ_CHECK(again.ok() && again.value() == parsed.value());
}

}  // namespace holdfast::fuzz
