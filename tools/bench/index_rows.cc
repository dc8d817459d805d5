// The chunk index alone: no registry, no store, no RPC.
#include <malloc.h>

#include <algorithm>
#include <cstdio>

#include "bench/bare_table.h"
#include "bench/bench.h"
#include "bench/bench_index.h"

namespace holdfast::bench {
namespace {

constexpr uint64_t kMillion = 1000000;
constexpr size_t kCall = kIndexCall;

std::string format(const char* pattern, double value) {
  char text[80];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

// Seconds of each insert call while an index grows from empty to 50 M chunks of 50 workers.
std::vector<double> timeInserts(const RunOptions& options) {
  BenchIndex built;
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

// M/s of a bare table that takes the first `calls` calls.
double bareInserts(uint64_t calls) {
  BareTable bare(calls * kCall);
  std::vector<ChunkHash> keys(kCall);
  double total = 0;
  for (uint64_t call = 0; call < calls; ++call) {
    fillKeys(call * kCall, keys);
    const Stopwatch watch;
    bare.insert(keys, 1);
    total += watch.seconds();
  }
  return static_cast<double>(calls * kCall) / total / 1e6;
}

RunResult runInsert(const RunOptions& options) {
  const auto seconds = timeInserts(options);
  double total = 0;
  for (const double each : seconds) total += each;
  return {static_cast<double>(seconds.size() * kCall) / total / 1e6, "", "",
          bareInserts(seconds.size())};
}

// 50 holders, each of another model, with the same hashes.
RunResult runInsertModels(const RunOptions& options) {
  BenchIndex built;
  ChunkIndex& index = built.chunks;
  const auto holders = addHolders(index, 50);
  const uint64_t calls = options.size(kMillion, kCall) / kCall;
  std::vector<ChunkHash> keys(kCall);
  double total = 0;
  for (uint64_t call = 0; call < calls; ++call) {
    fillKeys(call * kCall, keys);
    const Stopwatch watch;
    for (size_t model = 0; model < holders.size(); ++model) {
      index.apply(holders[model], model, {keys, {}});
    }
    total += watch.seconds();
  }
  const uint64_t reports = calls * holders.size();
  return {static_cast<double>(reports * kCall) / total / 1e6, "", "", bareInserts(reports)};
}

RunResult runPause(const RunOptions& options) {
  const auto seconds = timeInserts(options);
  const double longest = *std::max_element(seconds.begin(), seconds.end());
  return {quantile(seconds, 0.9999) * 1e3, format("longest %.3f ms", longest * 1e3), ""};
}

// Rank after rank reports all chunks, so that nothing is in a cache when the next rank comes.
RunResult runInsertRanks(const RunOptions& options) {
  BenchIndex built;
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
  return {static_cast<double>(calls * kCall * holders.size()) / total / 1e6, "", "",
          bareInserts(calls)};
}

// Bytes a membership, resident or allocated, whichever is more.
RunResult memoryOf(uint64_t workers, uint64_t chunks, bool shared) {
  malloc_trim(0);
  const uint64_t before = residentBytes();
  BenchIndex built;
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
          "",
          // A hash and a holder; a hash once for all who hold it.
          static_cast<double>(sizeof(ChunkHash)) / (shared ? static_cast<double>(workers) : 1) +
              static_cast<double>(shared ? 0 : sizeof(HolderId))};
}

RunResult runMemoryDistinct(const RunOptions& options) {
  return memoryOf(100, options.size(kMillion), false);
}

RunResult runMemoryRanks(const RunOptions& options) {
  return memoryOf(8, options.size(10 * kMillion), true);
}

}  // namespace

std::vector<Row> indexRows() {
  const std::string bareInsert = "inserts into a bare table of full size";
  return {
      {"index_insert", "insert, growing from empty to 50 M distinct chunks", "M/s", 10, 20,
       Better::kHigher, runInsert, bareInsert, 0.3},
      {"index_insert_ranks", "the same 10 M chunks from 8 holders", "M/s", 15, 30, Better::kHigher,
       runInsertRanks, bareInsert, 0.5},
      {"index_insert_models", "the same 1 M hashes from 50 holders of a model each", "M/s", 10, 20,
       Better::kHigher, runInsertModels, bareInsert, 0.3},
      {"index_pause", "p99.99 of the insert calls of 256, growth included", "ms", 0.5, 0.2,
       Better::kLower, runPause},
      {"memory_distinct", "100 workers x 1 M chunks, all distinct", "B", 22, 18, Better::kLower,
       runMemoryDistinct, "a hash and a holder"},
      {"memory_ranks", "8 ranks holding the same 10 M chunks", "B", 3, 2, Better::kLower,
       runMemoryRanks, "an eighth of a hash"},
  };
}

}  // namespace holdfast::bench
