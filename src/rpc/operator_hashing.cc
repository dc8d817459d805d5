// Operator.hashing: what was learned of how engines hash.
#include <algorithm>

#include "rpc/operator_service.h"
#include "wire/enums.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// So many are written in about 0.1 ms.
constexpr uint32_t kHashingSourcesMax = 256;

using HashingAnswer = schema::HashingRetMsg;

static_assert(sameNumber(HashingAnswer::State::LEARNING, HashingState::kLearning));
static_assert(sameNumber(HashingAnswer::State::FITS, HashingState::kFits));
static_assert(sameNumber(HashingAnswer::State::MIXED, HashingState::kMixed));
static_assert(sameNumber(HashingAnswer::State::UNKNOWN, HashingState::kUnknown));

void write(const HashingReport::Model& model, HashingAnswer::Model::Builder to) {
  const HashSchemeFacts& facts = factsOf(model.profile.scheme);
  to.setModel(textOf(model.model));
  to.setFamily(textOf(model.family));
  to.setAlgorithm(textOf(facts.name));
  to.setBlockSize(model.profile.blockSize);
  to.setSeeded(facts.seeded);
  to.setSeedSet(model.profile.seed.has_value());
  if (model.profile.seed) to.setSeed(textOf(*model.profile.seed));
  to.setProfile(textOf(describe(model.profile)));
  to.setSources(model.streams);
  to.setLookups(model.lookups);
}

void write(const HashingReport::Stream& stream, HashingAnswer::Source::Builder to) {
  to.setInstanceId(textOf(stream.source.instance));
  to.setWorkerId(stream.source.worker);
  to.setModel(textOf(stream.model));
  to.setMedium(textOf(stream.medium));
  to.setState(static_cast<HashingAnswer::State>(stream.state));
  to.setProfile(textOf(stream.profile));
  to.setTrouble(textOf(stream.trouble));
  to.setFittedBlocks(stream.sampled.fitted);
  to.setDifferingBlocks(stream.sampled.differing);
  to.setUncheckedBlocks(stream.sampled.unchecked);
}

}  // namespace

kj::Promise<void> OperatorService::hashing(HashingContext context) {
  const uint32_t asked = context.getParams().getMessage().getMaxSources();
  HashingReport report;
  if (const HashDoctor* doctor = services_.facts.hashing; doctor != nullptr) {
    report = doctor->report(asked == 0 ? kHashingSourcesMax : std::min(asked, kHashingSourcesMax));
  }
  auto answer = context.getResults().initAnswer();
  auto models = answer.initModels(listSize(report.models.size()));
  for (kj::uint i = 0; i < models.size(); ++i) write(report.models[i], models[i]);
  auto sources = answer.initSources(listSize(report.streams.size()));
  for (kj::uint i = 0; i < sources.size(); ++i) write(report.streams[i], sources[i]);
  answer.setSourcesLeftOut(report.streamsLeftOut);
  return kj::READY_NOW;
}

}  // namespace holdfast
