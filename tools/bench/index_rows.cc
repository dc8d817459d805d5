// The chunk index alone: no registry, no store, no RPC.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "bench/bench.h"
#include "core/index/chunk_index.h"
#include "core/index/prefix_match.h"
#include "os/fault_ahead.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kMillion = 1000000;
constexpr size_t kCall = 256;  // operations of one report

// Distinct keys, in no order.
ChunkHash keyOf(uint64_t number) {
  return splitmix64Finalise(number + 0x5DEECE66D);
}

void fillKeys(uint64_t first, std::vector<ChunkHash>& keys) {
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = keyOf(first + i);
}

std::vector<HolderId> addHolders(ChunkIndex& index, size_t count) {
  std::vector<HolderId> holders;
  for (size_t i = 0; i < count; ++i) holders.push_back(index.addHolder());
  return holders;
}

// An index as the daemon has it: its memory is brought ahead by another thread, which has had the
// time between start and first report for the first of it.
struct Index {
  Index() { faulter.wait(); }

  FaultAhead faulter;
  ChunkIndex chunks{{.faulter = &faulter}};
};

std::string format(const char* pattern, double value) {
  char text[80];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

// Seconds of each insert call while an index grows from empty to 50 M chunks of 50 workers.
std::vector<double> timeInserts(const RunOptions& options) {
  Index built;
  ChunkIndex& index = built.chunks;
  const auto holders = addHolders(index, 50);
  const uint64_t calls = options.size(50 * kMillion, kCall) / kCall;
  std::vector<double> seconds(calls);
  std::vector<ChunkHash> keys(kCall);
  for (uint64_t call = 0; call < calls; ++call) {
    fillKeys(call * kCall, keys);
    const Stopwatch watch;
    index.apply(holders[call % holders.size()], 0, {keys, {}});
    seconds[call] = watch.seconds();
  }
  return seconds;
}

RunResult runInsert(const RunOptions& options) {
  const auto seconds = timeInserts(options);
  double total = 0;
  for (const double each : seconds) total += each;
  return {static_cast<double>(seconds.size() * kCall) / total / 1e6, "", ""};
}

RunResult runPause(const RunOptions& options) {
  const auto seconds = timeInserts(options);
  const double longest = *std::max_element(seconds.begin(), seconds.end());
  return {quantile(seconds, 0.9999) * 1e3, format("longest %.3f ms", longest * 1e3), ""};
}

// Rank after rank reports all chunks, so that nothing is in a cache when the next rank comes.
RunResult runInsertRanks(const RunOptions& options) {
  Index built;
  ChunkIndex& index = built.chunks;
  const auto holders = addHolders(index, 8);
  const uint64_t calls = options.size(10 * kMillion, kCall) / kCall;
  std::vector<ChunkHash> keys(kCall);
  double total = 0;
  for (const HolderId holder : holders) {
    for (uint64_t call = 0; call < calls; ++call) {
      fillKeys(call * kCall, keys);
      const Stopwatch watch;
      index.apply(holder, 0, {keys, {}});
      total += watch.seconds();
    }
  }
  return {static_cast<double>(calls * kCall * holders.size()) / total / 1e6, "", ""};
}

// 50 M chunks, in prefixes of 32, each held by the 8 ranks of one of 32 instances.
struct LookupFleet {
  static constexpr uint32_t kInstances = 32;
  static constexpr uint32_t kRanks = 8;
  static constexpr size_t kPrefix = 32;

  explicit LookupFleet(const RunOptions& options)
      : prefixes(options.size(50 * kMillion / kPrefix, kInstances)) {
    progress("index_lookup: building the index");
    for (uint32_t instance = 0; instance < kInstances; ++instance) {
      directory.setWorldSize(instance, kRanks);
      for (uint32_t rank = 0; rank < kRanks; ++rank) {
        holders[instance][rank] = index.addHolder();
        directory.set(holders[instance][rank], {instance, rank, 0, true, false});
      }
    }
    std::vector<ChunkHash> keys(kPrefix);
    for (uint64_t prefix = 0; prefix < prefixes; ++prefix) {
      fillKeys(prefix * kPrefix, keys);
      for (const HolderId holder : holders[prefix % kInstances]) {
        index.apply(holder, 0, {keys, {}});
      }
    }
  }

  uint64_t prefixes;
  Index built;
  ChunkIndex& index = built.chunks;
  HolderDirectory directory;
  HolderId holders[kInstances][kRanks];
};

RunResult runLookup(const RunOptions& options) {
  static std::unique_ptr<LookupFleet> fleet;
  if (fleet == nullptr) fleet = std::make_unique<LookupFleet>(options);
  PrefixMatcher matcher(fleet->index, fleet->directory);
  std::vector<InstanceMatch> matches;
  std::vector<ChunkHash> keys(LookupFleet::kPrefix);
  const uint64_t lookups = options.size(2 * kMillion, 1000);
  uint64_t random = 1;
  double total = 0;
  std::string error;
  constexpr uint64_t kGroup = 64;  // look-ups between two readings of the clock
  std::vector<ChunkHash> group(kGroup * LookupFleet::kPrefix);
  for (uint64_t done = 0; done < lookups; done += kGroup) {
    for (uint64_t i = 0; i < kGroup; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const uint64_t prefix = (random >> 32) % fleet->prefixes;
      fillKeys(prefix * LookupFleet::kPrefix, keys);
      std::copy(keys.begin(), keys.end(), group.begin() + static_cast<ptrdiff_t>(i * keys.size()));
    }
    const Stopwatch watch;
    for (uint64_t i = 0; i < kGroup; ++i) {
      matcher.match(0, std::span(group).subspan(i * LookupFleet::kPrefix, LookupFleet::kPrefix),
                    matches);
      if (matches.size() != 1 || matches[0].allRanks != LookupFleet::kPrefix) {
        error = "a look-up did not find its prefix";
      }
    }
    total += watch.seconds();
  }
  if (options.lastRun) fleet.reset();
  const uint64_t rounded = (lookups + kGroup - 1) / kGroup * kGroup;
  return {static_cast<double>(rounded * LookupFleet::kPrefix) / total / 1e6, "", error};
}

// Bytes a membership, resident or allocated, whichever is more.
RunResult memoryOf(uint64_t workers, uint64_t chunks, bool shared) {
  malloc_trim(0);
  const uint64_t before = residentBytes();
  Index built;
  ChunkIndex& index = built.chunks;
  const auto holders = addHolders(index, workers);
  std::vector<ChunkHash> keys(kCall);
  const uint64_t calls = (chunks + kCall - 1) / kCall;
  for (uint64_t call = 0; call < calls; ++call) {
    for (uint64_t worker = 0; worker < workers; ++worker) {
      fillKeys(((shared ? 0 : worker * calls) + call) * kCall, keys);
      index.apply(holders[worker], 0, {keys, {}});
    }
  }
  const uint64_t after = residentBytes();
  const uint64_t resident = after > before ? after - before : 0;
  const double memberships = static_cast<double>(workers * calls * kCall);
  const double bytes = static_cast<double>(std::max(resident, index.memoryBytes()));
  return {bytes / memberships,
          format("load %.2f", static_cast<double>(index.chunks()) /
                                  static_cast<double>(std::max<uint64_t>(index.slots(), 1))),
          ""};
}

RunResult runMemoryDistinct(const RunOptions& options) {
  return memoryOf(100, options.size(kMillion), false);
}

RunResult runMemoryRanks(const RunOptions& options) {
  return memoryOf(8, options.size(10 * kMillion), true);
}

}  // namespace

std::vector<Row> indexRows() {
  return {
      {"index_insert", "insert, growing from empty to 50 M distinct chunks", "M/s", 10, 20,
       Better::kHigher, runInsert},
      {"index_insert_ranks", "the same 10 M chunks from 8 holders", "M/s", 15, 30, Better::kHigher,
       runInsertRanks},
      {"index_pause", "p99.99 of the insert calls of 256, growth included", "ms", 0.5, 0.2,
       Better::kLower, runPause},
      {"index_lookup", "look-up of 32-chunk prefixes, 32 instances x 8 ranks, 50 M chunks",
       "M chunks/s", 18, 30, Better::kHigher, runLookup},
      {"memory_distinct", "100 workers x 1 M chunks, all distinct", "B", 22, 18, Better::kLower,
       runMemoryDistinct},
      {"memory_ranks", "8 ranks holding the same 10 M chunks", "B", 3, 2, Better::kLower,
       runMemoryRanks},
  };
}

}  // namespace holdfast::bench
