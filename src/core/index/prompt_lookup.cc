#include "core/index/prompt_lookup.h"

#include <algorithm>
#include <string>

#include "core/check.h"
#include "core/ids.h"
#include "core/index/lookup_miss.h"
#include "core/limits.h"

namespace holdfast {
namespace {

// Of looking for a chunk among a worker's pins, in terms of PrefixMatcher::advance.
constexpr size_t kWorkOfPin = 5;
constexpr size_t kPinsAtOnce = 256;

EndpointRef endpointOf(const Instance& instance) {
  const WorkerRecord& record = instance.first->record;
  return {record.ip, record.port, record.peerUrl, record.labels};
}

std::optional<Error> tooMany(std::span<const ChunkHash> hashes) {
  if (hashes.size() <= kHashesPerLookupMax) return std::nullopt;
  return Error{ErrorCode::kInvalid, "a look-up has at most " + std::to_string(kHashesPerLookupMax) +
                                        " hashes, not " + std::to_string(hashes.size())};
}

}  // namespace

std::optional<Error> PromptLookup::begin(std::string_view model, std::span<const ChunkHash> hashes,
                                         const Wishes& wishes) {
  if (auto error = tooMany(hashes)) return error;
  if (auto bad = invalidText("model", model, kModelBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  model_ = model;
  hashes_ = hashes;
  wishes_ = wishes;
  matched_ = false;
  matcher_.begin(tree_.salt(model), hashes, wishes.spread);
  return std::nullopt;
}

std::optional<Error> PromptLookup::beginPeers(SessionId session, std::span<const ChunkHash> hashes,
                                              std::string_view location) {
  if (auto error = tooMany(hashes)) return error;
  const Worker* worker = tree_.bySession(session);
  if (worker == nullptr) return tree_.sessionNotInForce(session);
  model_ = {};
  hashes_ = hashes;
  wishes_ = {};
  matched_ = false;
  worldSize_ = worker->record.worldSize;
  const auto only = tree_.locationNames().find(location);
  const bool nowhere = !location.empty() && !only;
  matcher_.beginPeers(worker->modelSalt, nowhere ? std::span<const ChunkHash>() : hashes,
                      worker->instance->slot, worker->record.worker, only);
  return std::nullopt;
}

bool PromptLookup::advance(size_t workMax) {
  spent_ = 0;
  if (!matched_) {
    const bool over = matcher_.advance(workMax);
    spent_ = matcher_.spent();
    if (!over) return false;
    matcher_.finish(instanceMatches_);
    matched_ = true;
    nextPinned_ = 0;
    pinned_.clear();
    if (!wishes_.withPins) return true;
    for (const InstanceMatch& match : instanceMatches_) {
      pinned_.push_back({0, tree_.directory().instanceUse(match.instance)});
    }
  }
  return countPins(workMax);
}

bool PromptLookup::countPins(size_t workMax) {
  while (nextPinned_ < pinned_.size()) {
    if (spent_ >= workMax) return false;
    const InstanceMatch& match = instanceMatches_[nextPinned_];
    uint32_t& counted = pinned_[nextPinned_].chunks;
    const Worker* worker = workerOf(match);
    const size_t wanted = std::min<size_t>(match.chunks - counted, kPinsAtOnce);
    const uint32_t found =
        worker == nullptr ? 0 : pins_.pinnedPrefix(*worker, hashes_.subspan(counted, wanted));
    counted += found;
    spent_ += (found + 1) * kWorkOfPin;
    if (found < wanted || counted == match.chunks) ++nextPinned_;
  }
  return true;
}

const Worker* PromptLookup::workerOf(const InstanceMatch& match) const {
  const Instance* instance = tree_.instanceBySlot(match.instance);
  if (instance == nullptr) return nullptr;
  const auto found = instance->workers.find(match.rank);
  return found == instance->workers.end() ? nullptr : found->second.get();
}

std::span<const LookupMatch> PromptLookup::matches() {
  HOLDFAST_CHECK(matched_, "a look-up that is not over");
  size_t size = 0;
  for (size_t i = 0; i < instanceMatches_.size(); ++i) {
    const InstanceMatch& from = instanceMatches_[i];
    // The instance may have left while pins were counted.
    if (wishes_.withPins &&
        pinned_[i].instanceUse != tree_.directory().instanceUse(from.instance)) {
      continue;
    }
    if (size == matches_.size()) matches_.emplace_back();
    LookupMatch& to = matches_[size++];
    const Instance& instance = *tree_.instanceBySlot(from.instance);
    to.instance = instance.record.instance;
    to.location = tree_.locationNames().name(from.location);
    to.chunks = from.chunks;
    to.allRanksChunks = from.allRanks;
    to.unconfirmed = from.unconfirmed;
    to.pinnedChunks = wishes_.withPins ? pinned_[i].chunks : 0;
    to.load = tree_.directory().load(from.instance);
    to.endpoint = wishes_.withEndpoints ? endpointOf(instance) : EndpointRef{};
    to.hits.clear();
    for (const LocationHits& hit : from.hits) {
      to.hits.emplace_back(tree_.locationNames().name(hit.location), hit.chunks);
    }
  }
  matches_.resize(size);
  if (size != 0) {
    miss_.miss = LookupMiss::kNone;
  } else {
    miss_ = explainMiss(tree_, index_, model_, hashes_, wishes_.hashingRefused);
  }
  return matches_;
}

std::span<const PeerMatch> PromptLookup::peers() {
  HOLDFAST_CHECK(matched_, "a look-up that is not over");
  peers_.clear();
  for (const InstanceMatch& match : instanceMatches_) {
    const Instance& instance = *tree_.instanceBySlot(match.instance);
    const WorkerRecord& peer = instance.workers.at(match.rank)->record;
    if (peer.peerUrl.empty()) continue;
    // The same rank of another world size has another part of each chunk.
    if (worldSize_ != 0 && peer.worldSize != 0 && peer.worldSize != worldSize_) continue;
    peers_.push_back({instance.record.instance, tree_.locationNames().name(match.location),
                      match.chunks, peer.peerUrl});
  }
  return peers_;
}

}  // namespace holdfast
