// Look-ups of prompts on the chunk index alone, as they are met in a fleet.
#include <algorithm>
#include <functional>
#include <memory>

#include "bench/bare_table.h"
#include "bench/bench.h"
#include "bench/prompt_fleet.h"
#include "core/index/prefix_match.h"

namespace holdfast::bench {
namespace {

// Look-ups between two readings of the clock.
constexpr uint64_t kPromptGroup = 64;

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
  };
}

}  // namespace holdfast::bench
