#include "hashing/hash_doctor.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "core/notice.h"
#include "hashing/differences.h"
#include "hashing/model_profiles.h"
#include "hashing/stream_name.h"

namespace holdfast {
namespace {

bool ofSource(const StreamName& name, std::string_view model, const WorkerName& source) {
  return name.model == model && name.source.instance == source.instance &&
         name.source.worker == source.worker;
}

// What is tried on every stream: those that were learned come after it.
constexpr size_t kSeedsMax = 16;

}  // namespace

struct HashDoctor::State {
  struct Stream {
    HashStream watched;
    std::optional<FittedProfile> counted = {};  // as its model counts it
    std::string trouble = {};
  };
  using Streams = std::map<StreamName, Stream, ByStreamName>;

  explicit State(NoticeSink& sink) : notices(sink) {}

  Stream* streamOf(const StoredBlocks& blocks);
  void moved(HashingState from, HashingState to);
  void changed(const StreamName& name, Stream& stream, const StoredBlocks& blocks);
  void count(const StreamName& name, Stream& stream);
  // The profile that leads each family of a model.
  using Leaders = std::array<std::optional<HashProfile>, std::size(kHashFamilies)>;
  Leaders leadersOf(const std::string& model) const;
  void diagnoseOthers(const std::string& model);
  // Says what is wrong with it, if that is news.
  void diagnose(const StreamName& name, Stream& stream, const StoredBlocks* blocks);
  void setTrouble(const StreamName& name, Stream& stream, std::string trouble);
  void rememberSeed(const HashProfile& profile);
  void forget(Streams::iterator at);
  HashingReport::Stream reportOf(const StreamName& name, const Stream& stream) const;

  NoticeSink& notices;
  BlockHasher scratch{HashProfile()};
  std::vector<Seed> seeds = {std::nullopt, "0", "42"};
  ChainMemory chains;
  Streams streams;
  std::map<std::string, ModelProfiles, std::less<>> models;
  std::set<StreamName, ByStreamName> troubled;
  HashingCounts counts;
  uint64_t nextNumber = 0;
};

HashDoctor::HashDoctor(NoticeSink& notices) : state_(std::make_unique<State>(notices)) {}

HashDoctor::~HashDoctor() = default;

HashDoctor::State::Stream* HashDoctor::State::streamOf(const StoredBlocks& blocks) {
  const auto found = streams.find(StreamNameRef{blocks.model, blocks.source, blocks.medium});
  if (found != streams.end()) return &found->second;
  const bool newModel = models.find(blocks.model) == models.end();
  if (streams.size() >= kStreamsMax || (newModel && models.size() >= kModelsMax)) return nullptr;
  if (newModel) models.try_emplace(blocks.model);
  ++counts.streams[static_cast<size_t>(HashingState::kLearning)];
  return &streams
              .try_emplace(StreamName{blocks.model, blocks.source, blocks.medium},
                           Stream{.watched = HashStream(++nextNumber)})
              .first->second;
}

void HashDoctor::stored(const StoredBlocks& blocks) {
  State& state = *state_;
  State::Stream* stream = malformed(blocks) == nullptr ? state.streamOf(blocks) : nullptr;
  if (stream == nullptr) {
    ++state.counts.ignored;
    return;
  }
  const SampledBlocks before = stream->watched.sampled();
  const HashingState was = stream->watched.state();
  const bool changed = stream->watched.look(blocks, state.scratch, state.seeds, state.chains);
  state.counts.sampled += stream->watched.sampled() - before;
  state.moved(was, stream->watched.state());
  if (changed) state.changed({blocks.model, blocks.source, blocks.medium}, *stream, blocks);
}

void HashDoctor::State::moved(HashingState from, HashingState to) {
  --counts.streams[static_cast<size_t>(from)];
  ++counts.streams[static_cast<size_t>(to)];
}

void HashDoctor::State::rememberSeed(const HashProfile& profile) {
  const bool known = std::find(seeds.begin(), seeds.end(), profile.seed) != seeds.end();
  if (!known && seeds.size() < kSeedsMax) seeds.push_back(profile.seed);
}

HashDoctor::State::Leaders HashDoctor::State::leadersOf(const std::string& model) const {
  Leaders leaders;
  const auto found = models.find(model);
  if (found == models.end()) return leaders;
  for (size_t i = 0; i < leaders.size(); ++i) {
    const ModelProfiles::Group* leading = found->second.leading(kHashFamilies[i]);
    if (leading != nullptr) leaders[i] = leading->fitted.profile;
  }
  return leaders;
}

// A stream counts for its model while something fits it.
void HashDoctor::State::count(const StreamName& name, Stream& stream) {
  ModelProfiles& model = models[name.model];
  const bool takesPart =
      stream.watched.fitted() && stream.watched.state() != HashingState::kUnknown;
  const auto& now = stream.watched.fitted();
  const bool same = takesPart && stream.counted && stream.counted->profile == now->profile &&
                    stream.counted->keysShown == now->keysShown;
  if (same) return;
  const std::optional<FittedProfile> before = std::exchange(stream.counted, std::nullopt);
  bool first = false;
  if (takesPart) {
    rememberSeed(now->profile);
    stream.counted = now;
    first = model.leading(factsOf(now->profile.scheme).family) == nullptr;
    model.add(*now);
  }
  // After it: of two that are equal, the one that leads is not to lose by it.
  if (before) model.remove(*before);
  if (first) {
    notices.notice(notice::HashingLearned{name.source, name.model, describe(now->profile)});
  }
}

void HashDoctor::State::diagnoseOthers(const std::string& model) {
  const auto first = streams.lower_bound(StreamNameRef{model, WorkerName(), ""});
  for (auto at = first; at != streams.end() && at->first.model == model; ++at) {
    diagnose(at->first, at->second, nullptr);
  }
}

void HashDoctor::State::changed(const StreamName& name, Stream& stream,
                                const StoredBlocks& blocks) {
  const Leaders before = leadersOf(name.model);
  count(name, stream);
  diagnose(name, stream, &blocks);
  // Where most hash otherwise now, who differs is another question.
  if (leadersOf(name.model) != before) diagnoseOthers(name.model);
}

void HashDoctor::State::setTrouble(const StreamName& name, Stream& stream, std::string trouble) {
  if (trouble.empty()) {
    troubled.erase(name);
  } else {
    troubled.insert(name);
  }
  stream.trouble = std::move(trouble);
}

void HashDoctor::State::diagnose(const StreamName& name, Stream& stream,
                                 const StoredBlocks* blocks) {
  const HashStream& watched = stream.watched;
  const auto& fitted = watched.fitted();
  const ModelProfiles& model = models[name.model];
  const std::string before = stream.trouble;
  const std::string profile = fitted ? describe(fitted->profile) : "";
  if (watched.state() == HashingState::kUnknown) {
    if (blocks == nullptr) return;  // as it was
    const HashFamily family = fitted ? factsOf(fitted->profile.scheme).family : HashFamily::kVllm;
    const ModelProfiles::Group* leading = model.leading(family);
    setTrouble(name, stream,
               whyNoneFits(*blocks, watched.otherRoot() ? &*watched.otherRoot() : nullptr,
                           leading == nullptr ? nullptr : &leading->fitted.profile));
    if (stream.trouble != before) {
      notices.notice(notice::HashingUnknown{name.source, name.model, profile, stream.trouble});
    }
    return;
  }
  if (watched.state() == HashingState::kMixed) {
    const std::string other = watched.other() ? describe(*watched.other()) : "";
    setTrouble(name, stream,
               "it hashes in two ways by turns, the other one is " +
                   (other.empty() ? "none that is known" : other) +
                   ": two engines or two models seem to publish on one endpoint");
    if (stream.trouble != before) {
      notices.notice(notice::HashingMixed{name.source, name.model, profile, other});
    }
    return;
  }
  if (!fitted) return;
  const auto* leading = model.leading(factsOf(fitted->profile.scheme).family);
  if (leading == nullptr || fitted->agreesWith(leading->fitted)) {
    setTrouble(name, stream, "");
    if (!before.empty()) {
      notices.notice(notice::HashingAgrees{name.source, name.model, profile});
    }
    return;
  }
  const HashProfile& others = leading->fitted.profile;
  setTrouble(name, stream, differenceOf(fitted->profile, others));
  if (stream.trouble != before) {
    notices.notice(
        notice::HashingDiffers{name.source, name.model, profile, describe(others), stream.trouble});
  }
}

void HashDoctor::restarted(std::string_view model, const WorkerName& source) {
  State& state = *state_;
  const std::string ofModel(model);
  const State::Leaders before = state.leadersOf(ofModel);
  auto at = state.streams.lower_bound(StreamNameRef{model, source, ""});
  for (; at != state.streams.end() && ofSource(at->first, model, source); ++at) {
    State::Stream& stream = at->second;
    state.moved(stream.watched.state(), HashingState::kLearning);
    stream.watched.restart();
    state.count(at->first, stream);
    state.setTrouble(at->first, stream, "");
  }
  if (state.leadersOf(ofModel) != before) state.diagnoseOthers(ofModel);
}

void HashDoctor::State::forget(Streams::iterator at) {
  Stream& stream = at->second;
  if (stream.counted) models[at->first.model].remove(*stream.counted);
  --counts.streams[static_cast<size_t>(stream.watched.state())];
  troubled.erase(at->first);
  streams.erase(at);
}

void HashDoctor::forgotten(std::string_view model, const WorkerName& source) {
  State& state = *state_;
  const std::string ofModel(model);
  const State::Leaders before = state.leadersOf(ofModel);
  auto at = state.streams.lower_bound(StreamNameRef{model, source, ""});
  while (at != state.streams.end() && ofSource(at->first, model, source)) state.forget(at++);
  if (state.leadersOf(ofModel) != before) state.diagnoseOthers(ofModel);
}

std::shared_ptr<BlockHasher> HashDoctor::hasherOf(std::string_view model) const {
  const auto found = state_->models.find(model);
  return found == state_->models.end() ? nullptr : found->second.hasher();
}

HashingReport::Stream HashDoctor::State::reportOf(const StreamName& name,
                                                  const Stream& stream) const {
  const auto& fitted = stream.watched.fitted();
  return {.model = name.model,
          .source = name.source,
          .medium = name.medium,
          .state = stream.watched.state(),
          .profile = fitted ? describe(fitted->profile) : "",
          .trouble = stream.trouble,
          .sampled = stream.watched.sampled()};
}

HashingReport HashDoctor::report(size_t streamsMax) const {
  const State& state = *state_;
  HashingReport report;
  for (const auto& [name, model] : state.models) {
    for (const ModelProfiles::Group& group : model.groups()) {
      if (!group.leads) continue;
      const HashProfile& profile = group.fitted.profile;
      const HashFamily family = factsOf(profile.scheme).family;
      report.models.push_back(
          {.model = name,
           .family = nameOf(family),
           .profile = profile,
           .streams = group.streams,
           .lookups = family == factsOf(model.hasher()->profile().scheme).family});
    }
  }
  for (const StreamName& name : state.troubled) {
    if (report.streams.size() >= streamsMax) break;
    const auto at = state.streams.find(name);
    report.streams.push_back(state.reportOf(at->first, at->second));
  }
  for (const auto& [name, stream] : state.streams) {
    if (report.streams.size() >= streamsMax) break;
    if (stream.trouble.empty()) report.streams.push_back(state.reportOf(name, stream));
  }
  report.streamsLeftOut = state.streams.size() - report.streams.size();
  return report;
}

HashingCounts HashDoctor::counts() const {
  HashingCounts counts = state_->counts;
  for (const StreamName& name : state_->troubled) {
    const auto at = state_->streams.find(name);
    if (at->second.watched.state() == HashingState::kFits) ++counts.streamsDiffering;
  }
  return counts;
}

}  // namespace holdfast
