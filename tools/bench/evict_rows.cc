// What evicting prompts costs on the chunk index alone.
#include "bench/bare_table.h"
#include "bench/bench.h"
#include "bench/prompt_fleet.h"
#include "core/index/prefix_match.h"

namespace holdfast::bench {
namespace {

enum class EvictOrder { kForwards, kBackwards, kRandom };

// So that all of it is on trails: with the second look-up a prompt gets one.
void askForAllTwice(PromptFleet& fleet) {
  PrefixMatcher matcher(fleet.index, fleet.directory);
  std::vector<InstanceMatch> matches;
  std::vector<ChunkHash> keys(fleet.shape().length);
  for (uint64_t prompt = 0; prompt < fleet.prompts(); ++prompt) {
    fleet.fillPrompt(prompt, keys);
    for (int i = 0; i < 2; ++i) matcher.match(0, keys, matches);
  }
}

// All ranks evict everything, rank after rank. `hot`: what look-ups asked for before.
RunResult evictAll(const RunOptions& options, EvictOrder order, bool hot) {
  PromptFleet fleet(options, {.length = 512, .chunks = 10 * kPromptMillion});
  fleet.admitAll();
  if (hot) askForAllTwice(fleet);
  const auto numberOf = [&](uint64_t prompt, size_t i) {
    if (order == EvictOrder::kForwards) return prompt * fleet.own() + i;
    if (order == EvictOrder::kBackwards) return prompt * fleet.own() + (fleet.own() - 1 - i);
    // Another prompt of the same instance for each chunk.
    const uint64_t ofInstance = fleet.prompts() / kPromptInstances;
    const uint64_t other = (prompt / kPromptInstances + fmix64(i)) % ofInstance;
    return (other * kPromptInstances + prompt % kPromptInstances) * fleet.own() + i;
  };
  const uint64_t prompts = fleet.prompts() / kPromptInstances * kPromptInstances;
  BareTable bare(fleet.prompts() * fleet.own());
  std::vector<ChunkHash> keys(fleet.own());
  for (uint64_t prompt = 0; prompt < fleet.prompts(); ++prompt) {
    fleet.fillPrompt(prompt, keys);
    bare.insert(keys, 1);
  }
  double seconds = 0;
  double bareSeconds = 0;
  for (uint32_t rank = 0; rank < kPromptRanks; ++rank) {
    for (uint64_t prompt = 0; prompt < prompts; ++prompt) {
      for (size_t i = 0; i < keys.size(); ++i) keys[i] = indexKey(numberOf(prompt, i));
      const Stopwatch watch;
      fleet.apply(fleet.ranksOf(prompt)[rank], keys, true);
      seconds += watch.seconds();
      const Stopwatch bareWatch;
      bare.erase(keys);
      bareSeconds += bareWatch.seconds();
    }
  }
  if (prompts == fleet.prompts() && fleet.index.chunks() != 0) return failed("not all was evicted");
  const auto evicts = static_cast<double>(kPromptRanks * prompts * fleet.own());
  return {.value = evicts / seconds / 1e6,
          .note = {},
          .error = {},
          .limit = evicts / bareSeconds / 1e6};
}

Row evictRow(const char* name, const char* what, EvictOrder order, bool hot = false) {
  return {.name = name,
          .what = what,
          .unit = "M/s",
          .floor = 10,
          .aim = 20,
          .better = Better::kHigher,
          .run = [=](const RunOptions& options) { return evictAll(options, order, hot); },
          .limit = "marks in a bare table",
          .floorOfLimit = hot && order == EvictOrder::kRandom ? 0.25 : 0.4};
}

}  // namespace

std::vector<Row> evictRows() {
  return {
      evictRow("evict_order", "evicts of prompts of 512 chunks by 8 ranks, as they begin",
               EvictOrder::kForwards),
      evictRow("evict_backwards", "each from its end", EvictOrder::kBackwards),
      evictRow("evict_random", "chunks of different prompts in turn", EvictOrder::kRandom),
      evictRow("evict_hot", "evict_order of prompts that were asked for", EvictOrder::kForwards,
               true),
      evictRow("evict_hot_random", "evict_random of prompts that were asked for",
               EvictOrder::kRandom, true),
  };
}

}  // namespace holdfast::bench
