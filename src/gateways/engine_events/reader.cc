#include "gateways/engine_events/reader.h"

#include <algorithm>

#include "core/limits.h"
#include "gateways/engine_events/sample.h"

namespace holdfast::engines {
namespace {

// Of which it is remembered that they make no prefixes.
constexpr size_t kGroupsMax = 64;

}  // namespace

bool Reader::apply(uint64_t, std::string_view payload, bool) {
  Batch& batch = gathering_.batch;
  if (const auto wrong = decode(payload, batch)) {
    unreadable_ = wrong->message;
    return false;
  }
  unknown_ += batch.unknownEvents + batch.unknownFields;
  for (const Event& event : batch.events) take(event);
  return true;
}

void Reader::take(const Event& event) {
  if (event.kind == EventKind::kCleared) {
    Step& step = barrier(Step::Kind::kCleared);
    if (!options_.clearMeansAll) step.location = kGpu;
    return;
  }
  const bool evict = event.kind == EventKind::kRemoved;
  const bool prefixes = makesPrefixes(event);
  Step* step = prefixes || options_.keepGroups ? stepOf(event, prefixes) : nullptr;
  if (step == nullptr) {
    left_ += event.hashes;
    return;
  }
  (evict ? removed_ : stored_) += event.hashes;
  gathering_.handover.operations += event.hashes;
  for (const ChunkHash key : gathering_.batch.hashesOf(event)) step->add(key, evict);
  if (!evict && prefixes) sample(event);
}

void Reader::sample(const Event& event) {
  auto& samples = gathering_.handover.samples;
  if (event.tokens == 0 || samples.size() == Handover::kSamplesMax) return;
  if (!gate_.take(event.hashes, event.begins)) return;
  if (auto one = sampleOf(of_, event, gathering_.details)) samples.push_back(std::move(*one));
}

// Full attention: a block of these is of use if all before it are there. A removal says the group
// alone, which what was stored has told about.
bool Reader::makesPrefixes(const Event& event) {
  if (!event.group) return true;
  const auto known = std::find(otherGroups_.begin(), otherGroups_.end(), *event.group);
  if (event.groupKind.empty()) return known == otherGroups_.end();
  const bool full =
      event.groupKind.ends_with("full_attention") || event.groupKind == "mla_attention";
  if (!full && known == otherGroups_.end() && otherGroups_.size() < kGroupsMax) {
    otherGroups_.push_back(*event.group);
  }
  return full;
}

Step* Reader::stepOf(const Event& event, bool prefixes) {
  name_ = event.medium.empty() ? kGpu : event.medium;
  if (!prefixes) name_ += "/" + std::to_string(*event.group);
  for (const auto& [name, step] : open_) {
    if (name == name_) return &gathering_.handover.steps[step];
  }
  if (std::find(locations_.begin(), locations_.end(), name_) == locations_.end()) {
    if (locations_.size() == kLocationsMax || name_.size() > kLocationNameBytesMax) return nullptr;
    locations_.push_back(name_);
  }
  last_ = gathering_.handover.steps.size();
  Step& step = gathering_.handover.steps.emplace_back();
  step.source = source_;
  step.location = name_;
  open_.emplace_back(name_, last_);
  return &step;
}

Step& Reader::barrier(Step::Kind kind) {
  open_.clear();
  last_ = gathering_.handover.steps.size();
  Step& step = gathering_.handover.steps.emplace_back();
  step.kind = kind;
  step.source = source_;
  return step;
}

void Reader::restarted() {
  barrier(Step::Kind::kRestarted);
  gate_.restart();
  otherGroups_.clear();
  locations_.clear();
}

void Reader::lost(uint64_t from, uint64_t to) {
  Step& step = barrier(Step::Kind::kLost);
  step.from = from;
  step.to = to;
  step.why = std::exchange(unreadable_, {});
}

void Reader::mark(const std::optional<SourcePosition>& position) {
  if (last_ != kNone) gathering_.handover.steps[last_].position = position;
}

void Reader::tell(SourceNews& news) const {
  news.source = source_;
  news.stored = stored_;
  news.removed = removed_;
  news.left = left_;
  news.unknown = unknown_;
}

}  // namespace holdfast::engines
