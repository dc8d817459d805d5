#include "client/lookup_messages.h"

#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/text.h"

namespace holdfast {

void write(const LookupOptions& options, schema::LookupMsg::Builder to) {
  if (!options.eventId.empty()) to.setEventId(textOf(options.eventId));
  to.setModel(textOf(options.model));
  to.setWithPins(options.withPins);
  to.setMaxInstances(options.maxInstances);
  to.setMaxAgeMs(options.maxAgeMs);
  if (!options.loraName.empty()) to.setLoraName(textOf(options.loraName));
  if (!options.loraPath.empty()) to.setLoraPath(textOf(options.loraPath));
  if (!options.cacheSalt.empty()) to.setCacheSalt(textOf(options.cacheSalt));
  to.setWithoutEndpoints(!options.withEndpoints);
}

void write(const LookupPrompt& prompt, schema::LookupMsg::Builder to) {
  write(prompt.options, to);
  if (prompt.tokens.empty()) {
    copyNumbers<uint64_t>(prompt.hashes, to.initHashes(listSize(prompt.hashes.size())));
  } else {
    copyNumbers<uint32_t>(prompt.tokens, to.initTokens(listSize(prompt.tokens.size())));
  }
}

std::vector<LookupAnswer> read(capnp::List<schema::LookupRetMsg>::Reader from) {
  std::vector<LookupAnswer> answers;
  answers.reserve(from.size());
  for (const auto answer : from) answers.push_back(read(answer));
  return answers;
}

}  // namespace holdfast
