// Look-ups: from messages to what serving/lookup_calls.h answers, and back.
#include <string>
#include <utility>
#include <vector>

#include "rpc/orchestrator_service.h"
#include "serving/lookup_calls.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Numbers of a list in an unusual encoding.
struct Numbers {
  std::vector<uint64_t> hashes;
  std::vector<uint32_t> tokens;
};

// Refers to the message, and to `numbers`.
LookupQuestion questionOf(schema::LookupMsg::Reader message, std::vector<uint64_t>& hashes,
                          std::vector<uint32_t>& tokens) {
  LookupQuestion question{.eventId = viewOf(message.getEventId()),
                          .model = viewOf(message.getModel()),
                          .byTokens = message.isTokens(),
                          .tokens = {},
                          .hashes = {},
                          .keys = {.lora = viewOf(message.getLoraName()),
                                   .loraPath = viewOf(message.getLoraPath()),
                                   .loraId = {},
                                   .salt = viewOf(message.getCacheSalt()),
                                   .extraKey = {}},
                          .withPins = message.getWithPins(),
                          .withEndpoints = !message.getWithoutEndpoints(),
                          .maxInstances = message.getMaxInstances(),
                          .maxAgeMs = message.getMaxAgeMs()};
  if (question.byTokens) {
    question.tokens = numbersOf<uint32_t>(message.getTokens(), tokens);
  } else {
    question.hashes = numbersOf<uint64_t>(message.getHashes(), hashes);
  }
  return question;
}

// Before its numbers are read: in an unusual encoding they are copied.
std::optional<Error> tooLong(Services& services, schema::LookupMsg::Reader message) {
  if (!message.isTokens()) return std::nullopt;
  return tooManyTokens(PromptHashing(services, viewOf(message.getModel())),
                       message.getTokens().size());
}

std::optional<Error> invalidKeys(schema::LookupMsg::Reader message) {
  return invalidPromptKeys(viewOf(message.getLoraName()), viewOf(message.getLoraPath()),
                           viewOf(message.getCacheSalt()));
}

void writeAnswer(const LookupFound& found, capnp::Text::Reader eventId,
                 schema::LookupRetMsg::Builder to) {
  if (eventId.size() != 0) to.setEventId(eventId);
  if (found.leftOut != 0) to.setLeftOut(found.leftOut);
  write(found.miss, to);
  writeStamp(*found.replica, to);
  auto layouts = to.initLayoutInfo(listSize(found.matches.size()));
  for (kj::uint i = 0; i < layouts.size(); ++i) {
    write(found.matches[i], found.endsOf(found.matches[i]), layouts[i]);
  }
}

template <typename Context>
void answerLookup(Context& context, const LookupFound& found) {
  constexpr uint64_t kMiss = 32;
  const auto eventId = context.getParams().getMessage().getEventId();
  const uint64_t words =
      wordsOf(found.matches) + eventId.size() / 8 + 1 + (found.matches.empty() ? kMiss : 0);
  writeAnswer(found, eventId, context.getResults(capnp::MessageSize{words, 0}).initAnswer());
}

// The look-ups of a call, whose answer is written as they are found.
class MessageOfLookups final : public ManyLookups {
 public:
  MessageOfLookups(capnp::List<schema::LookupMsg>::Reader from,
                   capnp::List<schema::LookupRetMsg>::Builder to)
      : from_(from), to_(to) {}

  size_t size() const override { return from_.size(); }
  LookupQuestion question(size_t index) override {
    return questionOf(from_[static_cast<kj::uint>(index)], numbers_.hashes, numbers_.tokens);
  }
  void answer(size_t index, const LookupFound& found) override {
    const auto at = static_cast<kj::uint>(index);
    writeAnswer(found, from_[at].getEventId(), to_[at]);
  }

 private:
  const capnp::List<schema::LookupMsg>::Reader from_;
  capnp::List<schema::LookupRetMsg>::Builder to_;
  Numbers numbers_;
};

}  // namespace

kj::Promise<void> OrchestratorService::lookup(LookupContext context) {
  const auto message = context.getParams().getMessage();
  if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
  if (auto error = invalidKeys(message)) return wireError(*error);
  if (auto error = tooLong(services_, message)) return wireError(*error);
  const LookupQuestion question = questionOf(message, hashes_, scratch_);
  const auto found = lookUpAtOnce(services_, question, hashes_);
  if (!found.ok()) return wireError(found.error());
  if (found.value()) {
    answerLookup(context, *found.value());
    return kj::READY_NOW;
  }
  context.allowCancellation();
  // Others come in between, so it needs numbers of its own.
  auto numbers = kj::heap<Numbers>();
  const LookupQuestion again = questionOf(message, numbers->hashes, numbers->tokens);
  return lookUpInPieces(services_, handle_->lookups, again,
                        [context](const LookupFound& what) mutable { answerLookup(context, what); })
      .attach(kj::mv(numbers));
}

kj::Promise<void> OrchestratorService::lookups(LookupsContext context) {
  const auto lookups = context.getParams().getMessage().getLookups();
  if (lookups.size() > kLookupsPerCallMax) {
    return wireError(
        {ErrorCode::kInvalid, std::to_string(lookups.size()) + " look-ups in a call, at most " +
                                  std::to_string(kLookupsPerCallMax) + " are allowed"});
  }
  LookupTotals totals;
  for (const auto message : lookups) {
    if (auto error = invalidEventId(message.getEventId())) return wireError(*error);
    if (auto error = invalidKeys(message)) return wireError(*error);
    if (message.isTokens()) {
      totals.addTokens(services_, viewOf(message.getModel()), message.getTokens().size());
    } else {
      totals.addHashes(message.getHashes().size());
    }
  }
  if (auto error = totals.overLimit()) return wireError(*error);
  context.allowCancellation();
  auto call = kj::heap<MessageOfLookups>(
      lookups, context.getResults().initAnswer().initAnswers(lookups.size()));
  return lookUpMany(services_, handle_->lookups, *call, totals.bytes()).attach(kj::mv(call));
}

}  // namespace holdfast
