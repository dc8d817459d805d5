// A fleet whose prompts are in a chunk index: what rows of look-ups and evicts measure on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/bench_index.h"
#include "core/index/holder_directory.h"

namespace holdfast::bench {

inline constexpr uint64_t kPromptMillion = 1000000;
inline constexpr uint32_t kPromptInstances = 32;
inline constexpr uint32_t kPromptRanks = 8;

// The ranks of kPromptInstances, one instance after the other, as look-ups see them.
inline std::vector<HolderId> addFleet(ChunkIndex& index, HolderDirectory& directory) {
  std::vector<HolderId> holders;
  for (uint32_t instance = 0; instance < kPromptInstances; ++instance) {
    directory.setWorldSize(instance, kPromptRanks);
    directory.setNameHash(instance, splitmix64Finalise(instance));
    for (uint32_t rank = 0; rank < kPromptRanks; ++rank) {
      holders.push_back(index.addHolder());
      directory.set(holders.back(), {instance, rank, 0, true, false});
    }
  }
  return holders;
}

// As reports bring them.
inline void applyInCalls(ChunkIndex& index, HolderId holder, std::span<const ChunkHash> keys,
                         bool evict) {
  static const std::vector<uint8_t> all(kIndexCall / 8, 0xFF);
  for (; !keys.empty(); keys = keys.subspan(std::min(kIndexCall, keys.size()))) {
    index.apply(holder, 0,
                {keys.first(std::min(kIndexCall, keys.size())),
                 evict ? EvictBits{all.data(), 0} : EvictBits{}});
  }
}

// Chunks of a prompt, and how many of its first every rank of the fleet holds.
struct PromptShape {
  size_t length = 32;
  size_t shared = 0;
  size_t systems = 1;  // how many different beginnings there are, if shared > 0
  bool ownSets =
      false;  // two ranks miss each beginning, others for each: all are held by other sets
  uint64_t chunks = 50 * kPromptMillion;
};

// The prompts of a fleet of 256 ranks. What of a prompt is not shared is held by the ranks of one
// instance.
class PromptFleet {
 public:
  PromptFleet(const RunOptions& options, const PromptShape& shape)
      : shape_(shape),
        own_(shape.length - shape.shared),
        systems_(shape.shared == 0 ? 0 : std::min(options.size(shape.systems), shape.systems)),
        prompts_(std::max<uint64_t>(options.size(shape.chunks) / own_, kPromptInstances)) {
    progress("building an index of " + std::to_string(prompts_) + " prompts of " +
             std::to_string(shape.length) + " chunks");
    std::vector<ChunkHash> keys(shape.shared);
    for (size_t system = 0; system < systems_; ++system) {
      fillKeys(firstOfSystem(system), keys);
      const size_t one = system % holders_.size();
      const size_t other = (one + 1 + system / holders_.size()) % holders_.size();
      for (size_t i = 0; i < holders_.size(); ++i) {
        if (shape.ownSets && (i == one || i == other)) continue;
        index.apply(holders_[i], 0, {keys, {}});
      }
    }
  }

  // Every prompt is reported by the ranks of its instance.
  void admitAll() {
    std::vector<ChunkHash> keys(own_);
    for (uint64_t prompt = 0; prompt < prompts_; ++prompt) {
      fillKeys(prompt * own_, keys);
      for (const HolderId holder : ranksOf(prompt)) apply(holder, keys, false);
    }
  }

  // As a store gives them back: what a rank holds comes sorted.
  void admitSorted() {
    std::vector<ChunkHash> keys;
    for (uint32_t instance = 0; instance < kPromptInstances; ++instance) {
      keys.clear();
      for (uint64_t prompt = instance; prompt < prompts_; prompt += kPromptInstances) {
        keys.resize(keys.size() + own_);
        fillKeys(prompt * own_, std::span(keys).last(own_));
      }
      std::sort(keys.begin(), keys.end());
      for (const HolderId holder : ranksOf(instance)) apply(holder, keys, false);
    }
  }

  // So many of a thousand chunks, drawn at random, are evicted by all their ranks and admitted
  // again when all that is done.
  void churn(uint32_t ofThousand) {
    const auto each = [&](bool evict) {
      std::vector<ChunkHash> some;
      for (uint64_t prompt = 0; prompt < prompts_; ++prompt) {
        some.clear();
        for (size_t i = 0; i < own_; ++i) {
          const uint64_t number = prompt * own_ + i;
          if (fmix64(number) % 1000 < ofThousand) some.push_back(indexKey(number));
        }
        for (const HolderId holder : ranksOf(prompt)) apply(holder, some, evict);
      }
    };
    each(true);
    each(false);
  }

  // Each rank misses so many of a thousand chunks, others than its neighbours.
  void holes(uint32_t ofThousand) {
    std::vector<ChunkHash> some;
    for (uint64_t prompt = 0; prompt < prompts_; ++prompt) {
      for (const HolderId holder : ranksOf(prompt)) {
        some.clear();
        for (size_t i = 0; i < own_; ++i) {
          const uint64_t number = prompt * own_ + i;
          if (fmix64(number * 521 + holder) % 1000 < ofThousand) some.push_back(indexKey(number));
        }
        apply(holder, some, true);
      }
    }
  }

  void fillPrompt(uint64_t prompt, std::span<ChunkHash> keys) const {
    if (shape_.shared > 0) {
      fillKeys(firstOfSystem(prompt % systems_), keys.first(shape_.shared));
    }
    fillKeys(prompt * own_, keys.subspan(shape_.shared));
  }

  uint64_t prompts() const { return prompts_; }
  // One after the other.
  uint64_t nextPrompt() { return nextPrompt_++ % prompts_; }
  size_t own() const { return own_; }
  const PromptShape& shape() const { return shape_; }
  std::span<const HolderId> ranksOf(uint64_t prompt) const {
    return std::span(holders_).subspan(prompt % kPromptInstances * kPromptRanks, kPromptRanks);
  }
  void apply(HolderId holder, std::span<const ChunkHash> keys, bool evict) {
    applyInCalls(index, holder, keys, evict);
  }

  BenchIndex built;
  ChunkIndex& index = built.chunks;
  HolderDirectory directory;

 private:
  uint64_t firstOfSystem(size_t system) const { return prompts_ * own_ + system * shape_.shared; }

  const PromptShape shape_;
  const size_t own_;
  const size_t systems_;
  const uint64_t prompts_;
  const std::vector<HolderId> holders_ = addFleet(index, directory);
  uint64_t nextPrompt_ = 0;
};

}  // namespace holdfast::bench
