#include "gateways/lmcache/decoder.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void lmcache(std::string_view input) {
  lmcache::Decoder decoder;
  const auto message = decoder.decode(input);
  if (!message.ok()) {
    FUZZ_CHECK(!message.error().message.empty());
    return;
  }
  // Nothing is made of less than a byte.
  FUZZ_CHECK(message.value()->operations.size() <= input.size());
  FUZZ_CHECK(message.value()->keys.size() <= input.size());
}

}  // namespace holdfast::fuzz
