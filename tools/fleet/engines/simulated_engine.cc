#include "fleet/engines/simulated_engine.h"

#include <algorithm>
#include <unordered_set>

namespace holdfast::fleet {
namespace {

constexpr uint32_t kVocabulary = 150'000;

HashProfile profileOf(EngineKind kind, uint32_t blockSize) {
  HashProfile profile;
  profile.scheme = kind == EngineKind::kVllm ? HashScheme::kVllmSha256 : HashScheme::kSglang;
  profile.blockSize = blockSize;
  return profile;
}

}  // namespace

void appendTokens(ChunkHash chunk, uint32_t blockSize, std::vector<uint32_t>& tokens) {
  for (uint32_t i = 0; i < blockSize; ++i) {
    tokens.push_back(static_cast<uint32_t>(splitmix64Finalise(chunk + i) % kVocabulary));
  }
}

SimulatedEngine::SimulatedEngine(EngineKind kind, uint32_t blockSize, uint32_t rank,
                                 size_t capacity)
    : kind_(kind),
      blockSize_(blockSize),
      capacity_(capacity),
      hasher_(profileOf(kind, blockSize)),
      encoder_(kind, blockSize, rank),
      cache_(capacity) {}

std::string SimulatedEngine::begin(double time) {
  if (kind_ != EngineKind::kSglang) return {};
  encoder_.cleared();
  return encoder_.finish(time);
}

SimulatedEngine::Published SimulatedEngine::serve(std::span<const ChunkHash> prompt, double time) {
  tokens_.clear();
  hashes_.clear();
  for (const ChunkHash chunk : prompt) appendTokens(chunk, blockSize_, tokens_);
  BlockHash last = hasher_.begin({});
  while (!hasher_.extend(tokens_, {}, last, hashes_, tokens_.size())) {
  }

  Published published;
  cache_.use(prompt, changes_);
  published.hits = changes_.hits;
  removed_.clear();
  for (const ChunkHash chunk : changes_.evicted) {
    const auto found = published_.find(chunk);
    removed_.push_back(found->second);
    published_.erase(found);
  }
  published.removed = removed_.size();
  encoder_.removed(removed_);

  const std::unordered_set<ChunkHash> admitted(changes_.admitted.begin(), changes_.admitted.end());
  for (size_t from = 0; from < prompt.size();) {
    if (!admitted.contains(prompt[from])) {
      ++from;
      continue;
    }
    size_t to = from;
    for (; to < prompt.size() && admitted.contains(prompt[to]); ++to) {
      published_[prompt[to]] = hashes_[to];
    }
    StoredRun run;
    if (from > 0) run.parent = hashes_[from - 1];
    run.hashes = std::span<const uint64_t>(hashes_).subspan(from, to - from);
    run.tokens =
        std::span<const uint32_t>(tokens_).subspan(from * blockSize_, (to - from) * blockSize_);
    encoder_.stored(run);
    published.stored += to - from;
    from = to;
  }
  if (!encoder_.empty()) published.payload = encoder_.finish(time);
  return published;
}

void SimulatedEngine::restart() {
  cache_ = LruCache(capacity_);
  published_.clear();
}

size_t SimulatedEngine::heldPrefix(std::span<const ChunkHash> prompt) const {
  size_t held = 0;
  while (held < prompt.size() && cache_.holds(prompt[held])) ++held;
  return held;
}

std::optional<uint64_t> SimulatedEngine::publishedHash(ChunkHash chunk) const {
  const auto found = published_.find(chunk);
  return found == published_.end() ? std::nullopt : std::optional(found->second);
}

KeyDigest SimulatedEngine::digest() const {
  KeyDigest digest;
  for (const auto& [chunk, hash] : published_) digest.add(hash);
  return digest;
}

}  // namespace holdfast::fleet
