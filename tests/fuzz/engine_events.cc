#include "gateways/engine_events/decoder.h"
#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

void engineEvents(std::string_view input) {
  engines::Batch batch;
  if (const auto error = engines::decode(input, batch)) {
    FUZZ_CHECK(!error->message.empty());
    return;
  }
  // Nothing is made of less than a byte.
  FUZZ_CHECK(batch.hashes.size() <= input.size());
  FUZZ_CHECK(batch.events.size() <= input.size());
  engines::Details details;
  for (const engines::Event& event : batch.events) {
    FUZZ_CHECK(batch.hashesOf(event).size() == event.hashes);
    FUZZ_CHECK(event.bytes.size() <= input.size());
    if (event.kind == engines::EventKind::kStored && engines::detailsOf(event, details)) {
      FUZZ_CHECK(details.tokens.size() <= event.tokens);
    }
  }
}

}  // namespace holdfast::fuzz
