// Prompts on the chunk index alone: look-ups of them as they are met in a fleet, and what evicting
// them costs.
#include <algorithm>
#include <functional>
#include <memory>

#include "bench/bare_table.h"
#include "bench/bench.h"
#include "bench/bench_index.h"
#include "core/index/prefix_match.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kPromptMillion = 1000000;
constexpr uint32_t kPromptInstances = 32;
constexpr uint32_t kPromptRanks = 8;
// Look-ups between two readings of the clock.
constexpr uint64_t kPromptGroup = 64;

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
    for (uint32_t instance = 0; instance < kPromptInstances; ++instance) {
      directory.setWorldSize(instance, kPromptRanks);
      directory.setNameHash(instance, splitmix64Finalise(instance));
      for (uint32_t rank = 0; rank < kPromptRanks; ++rank) {
        holders_.push_back(index.addHolder());
        directory.set(holders_.back(), {instance, rank, 0, true, false});
      }
    }
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
    static const std::vector<uint8_t> all(kIndexCall / 8, 0xFF);
    for (; !keys.empty(); keys = keys.subspan(std::min(kIndexCall, keys.size()))) {
      index.apply(holder, 0,
                  {keys.first(std::min(kIndexCall, keys.size())),
                   evict ? EvictBits{all.data(), 0} : EvictBits{}});
    }
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
  std::vector<HolderId> holders_;
  uint64_t nextPrompt_ = 0;
};

// Groups of prompts that choose() names. take(keys, number) is timed.
template <typename Choose, typename Take>
double secondsOf(const PromptFleet& fleet, uint64_t lookups, Choose choose, const Take& take) {
  const size_t length = fleet.shape().length;
  std::vector<ChunkHash> group(kPromptGroup * length);
  double total = 0;
  for (uint64_t done = 0; done < lookups; done += kPromptGroup) {
    for (uint64_t i = 0; i < kPromptGroup; ++i) {
      fleet.fillPrompt(choose(), std::span(group).subspan(i * length, length));
    }
    const Stopwatch watch;
    for (uint64_t i = 0; i < kPromptGroup; ++i)
      take(std::span(group).subspan(i * length, length), done + i);
    total += watch.seconds();
  }
  return total;
}

// Any prompts, the same ones for each.
auto randomPrompts(const PromptFleet& fleet) {
  return [&fleet, random = uint64_t{1}]() mutable {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 32) % fleet.prompts();
  };
}

// M/s of a bare table that holds the fleet's chunks and finds the same prompts.
double bareLookups(const PromptFleet& fleet, uint64_t lookups) {
  const size_t length = fleet.shape().length;
  BareTable bare(fleet.prompts() * length);
  std::vector<ChunkHash> keys(length);
  for (uint64_t prompt = 0; prompt < fleet.prompts(); ++prompt) {
    fleet.fillPrompt(prompt, keys);
    bare.insert(keys, 1);
  }
  uint64_t found = 0;
  const double seconds = secondsOf(fleet, lookups, randomPrompts(fleet),
                                   [&](auto prompt, uint64_t) { found += bare.find(prompt); });
  return static_cast<double>(found) / seconds / 1e6;
}

// `whole`: every look-up must find all of its prompt.
template <typename Choose>
RunResult lookUp(PromptFleet& fleet, uint64_t lookups, const Choose& choose, bool whole) {
  PrefixMatcher matcher(fleet.index, fleet.directory);
  std::vector<InstanceMatch> matches;
  const size_t length = fleet.shape().length;
  const size_t instances = fleet.shape().shared == 0 ? 1 : kPromptInstances;
  bool wrong = false;
  const double seconds = secondsOf(fleet, lookups, choose, [&](auto prompt, uint64_t number) {
    matcher.match(0, prompt, matches, number);
    wrong |= whole && (matches.size() != instances || matches[0].allRanks != length);
  });
  if (wrong) return failed("a look-up did not find its prompt");
  char note[80];
  std::snprintf(note, sizeof note, "%.2f us each", seconds * 1e6 / static_cast<double>(lookups));
  return {.value = static_cast<double>(lookups * length) / seconds / 1e6,
          .note = note,
          .error = {},
          .limit = bareLookups(fleet, lookups)};
}

// Any prompts: most of them were asked for before.
RunResult lookUpAgain(const RunOptions& options, PromptFleet& fleet, bool whole) {
  const uint64_t lookups = options.size(64 * kPromptMillion / fleet.shape().length, 1000);
  return lookUp(fleet, (lookups + kPromptGroup - 1) / kPromptGroup * kPromptGroup,
                randomPrompts(fleet), whole);
}

// Each run asks for some of the prompts that none before it asked for.
RunResult lookUpFirst(PromptFleet& fleet) {
  constexpr uint64_t kParts = 16;  // more than runs
  const uint64_t lookups = fleet.prompts() / kParts / kPromptGroup * kPromptGroup;
  if (lookups == 0) return failed("too few prompts at this scale");
  return lookUp(
      fleet, lookups, [&] { return fleet.nextPrompt(); }, true);
}

// A fleet for all runs of a row.
std::function<RunResult(const RunOptions&)> lookUpRow(
    const PromptShape& shape, const std::function<void(PromptFleet&)>& prepare,
    const std::function<RunResult(const RunOptions&, PromptFleet&)>& look) {
  auto fleet = std::make_shared<std::unique_ptr<PromptFleet>>();
  return [=](const RunOptions& options) {
    if (*fleet == nullptr) {
      *fleet = std::make_unique<PromptFleet>(options, shape);
      prepare(**fleet);
    }
    RunResult result = look(options, **fleet);
    if (options.lastRun) fleet->reset();
    return result;
  };
}

enum class EvictOrder { kForwards, kBackwards, kRandom };

// All ranks evict everything, rank after rank.
RunResult evictAll(const RunOptions& options, EvictOrder order) {
  PromptFleet fleet(options, {.length = 512, .chunks = 10 * kPromptMillion});
  fleet.admitAll();
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

Row evictRow(const char* name, const char* what, EvictOrder order) {
  return {.name = name,
          .what = what,
          .unit = "M/s",
          .floor = 10,
          .aim = 20,
          .better = Better::kHigher,
          .run = [order](const RunOptions& options) { return evictAll(options, order); },
          .limit = "marks in a bare table",
          .floorOfLimit = 0.4};
}

// `floorOfLimit`: as Row has it; `floor` is about that on the reference machine.
Row promptRow(const char* name, const char* what, double floorOfLimit, double floor, double aim,
              std::function<RunResult(const RunOptions&)> run) {
  return {.name = name,
          .what = what,
          .unit = "M chunks/s",
          .floor = floor,
          .aim = aim,
          .better = Better::kHigher,
          .run = std::move(run),
          .limit = "a bare table that finds the same chunks",
          .floorOfLimit = floorOfLimit};
}

}  // namespace

std::vector<Row> promptRows() {
  const auto asReported = [](PromptFleet& fleet) { fleet.admitAll(); };
  const auto again = [](const RunOptions& options, PromptFleet& fleet) {
    return lookUpAgain(options, fleet, true);
  };
  const auto inPart = [](const RunOptions& options, PromptFleet& fleet) {
    return lookUpAgain(options, fleet, false);
  };
  const auto atFirst = [](const RunOptions&, PromptFleet& fleet) { return lookUpFirst(fleet); };
  const PromptShape longOnes{.length = 512, .chunks = 20 * kPromptMillion};
  const auto sorted = [](PromptFleet& fleet) { fleet.admitSorted(); };
  return {
      promptRow("lookup_32", "look-up of prompts of 32 chunks, 32 instances x 8 ranks, 50 M chunks",
                0.75, 38, 60, lookUpRow({.length = 32}, asReported, again)),
      promptRow("lookup_512", "the same of 512 chunks, 20 M chunks", 4, 250, 400,
                lookUpRow(longOnes, asReported, again)),
      promptRow("lookup_512_first", "prompts that nobody has asked for before", 1, 60, 200,
                lookUpRow(longOnes, asReported, atFirst)),
      promptRow("lookup_512_restart", "after a restart, and some look-ups", 3.5, 200, 250,
                lookUpRow(longOnes, sorted, again)),
      promptRow("lookup_512_restart_first", "after a restart, at once", 1, 60, 200,
                lookUpRow(longOnes, sorted, atFirst)),
      promptRow("lookup_512_churn10", "after a tenth was evicted at random and admitted again", 3.5,
                200, 250,
                lookUpRow(
                    longOnes,
                    [](PromptFleet& fleet) {
                      fleet.admitAll();
                      fleet.churn(100);
                    },
                    again)),
      promptRow("lookup_512_churn30", "after three tenths were", 1.7, 100, 200,
                lookUpRow(
                    longOnes,
                    [](PromptFleet& fleet) {
                      fleet.admitAll();
                      fleet.churn(300);
                    },
                    again)),
      promptRow("lookup_512_holes", "each rank misses one of 200 chunks", 0.6, 30, 100,
                lookUpRow(
                    longOnes,
                    [](PromptFleet& fleet) {
                      fleet.admitAll();
                      fleet.holes(5);
                    },
                    inPart)),
      promptRow("lookup_shared_32", "32 chunks, the first 16 held by all 256 ranks", 0.2, 19, 40,
                lookUpRow({.length = 32, .shared = 16, .systems = 100}, asReported, again)),
      promptRow("lookup_shared_128", "128 chunks, the first 64 held by all 256 ranks", 0.6, 70, 150,
                lookUpRow({.length = 128, .shared = 64, .systems = 100}, asReported, again)),
      promptRow(
          "lookup_shared_many",
          "as lookup_shared_32 with 4,000 different beginnings, each held by a set of its own",
          0.05, 5, 10,
          lookUpRow({.length = 32, .shared = 16, .systems = 4000, .ownSets = true}, asReported,
                    inPart)),
      evictRow("evict_order", "evicts of prompts of 512 chunks by 8 ranks, as they begin",
               EvictOrder::kForwards),
      evictRow("evict_backwards", "each from its end", EvictOrder::kBackwards),
      evictRow("evict_random", "chunks of different prompts in turn", EvictOrder::kRandom),
  };
}

}  // namespace holdfast::bench
