#include "core/limits.h"
#include "gateways/lmcache/inbound.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {
namespace {

// What the loop gets of it: pieces within its limits, or one error.
void readBy(lmcache::Channel channel, std::string_view input) {
  lmcache::InboundReader reader;
  lmcache::Inbound from;
  from.channel = channel;
  std::vector<lmcache::Inbound> all;
  reader.read(input, from, all);
  size_t keys = 0;
  for (const lmcache::Inbound& one : all) {
    FUZZ_CHECK(one.error.empty() || all.size() == 1);
    FUZZ_CHECK(one.keys.size() <= lmcache::kKeysPerPiece ||
               (one.type == lmcache::Type::kPeerLookup && one.keys.size() <= kHashesPerLookupMax));
    FUZZ_CHECK(one.evicts.empty() || one.evicts.size() == (one.keys.size() + 7) / 8);
    keys += one.keys.size();
  }
  FUZZ_CHECK(keys <= input.size());
}

}  // namespace

void lmcache(std::string_view input) {
  lmcache::Decoder decoder;
  const auto message = decoder.decode(input);
  if (message.ok()) {
    // Nothing is made of less than a byte.
    FUZZ_CHECK(message.value()->operations.size() <= input.size());
    FUZZ_CHECK(message.value()->keys.size() <= input.size());
  } else {
    FUZZ_CHECK(!message.error().message.empty());
  }
  readBy(lmcache::Channel::kPush, input);
  readBy(lmcache::Channel::kRequest, input);
}

}  // namespace holdfast::fuzz
