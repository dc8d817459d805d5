// Look-ups on the chunk index alone, as a router makes them: the prompts of a trace in its order,
// each held by the ranks of an instance once it was asked for.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/bare_table.h"
#include "bench/bench.h"
#include "bench/prompt_fleet.h"
#include "core/index/prefix_match.h"
#include "fleet/trace.h"
#include "fleet/workload.h"

namespace holdfast::bench {
namespace {

constexpr size_t kTraceRequests = 12'031;
// A trace's block is 512 tokens; engines keep 16 in one.
constexpr size_t kChunksOfBlock = 32;

// How many chunks of each prompt, from its first on, some instance holds.
using FoundLengths = std::vector<size_t>;

class TraceReplay {
 public:
  explicit TraceReplay(std::vector<fleet::Request> requests) : requests_(std::move(requests)) {}

  size_t requests() const { return requests_.size(); }
  size_t chunks() const {
    size_t sum = 0;
    for (const fleet::Request& request : requests_) sum += request.chunks.size() * kChunksOfBlock;
    return sum;
  }

  // Seconds of all look-ups, and what they found. `placesMax`: as the index has it.
  double lookUp(uint32_t placesMax, FoundLengths& found) const {
    FaultAhead faulter;
    ChunkIndex index({.faulter = &faulter, .placesMax = placesMax});
    faulter.wait();
    HolderDirectory directory;
    const std::vector<HolderId> holders = addFleet(index, directory);
    PrefixMatcher matcher(index, directory);
    std::vector<InstanceMatch> matches;
    std::vector<ChunkHash> keys;
    found.clear();
    double seconds = 0;
    for (size_t number = 0; number < requests_.size(); ++number) {
      fill(requests_[number], keys);
      const Stopwatch watch;
      matcher.match(0, keys, matches, number);
      seconds += watch.seconds();
      found.push_back(matches.empty() ? 0 : matches[0].chunks);
      const uint32_t instance = matches.empty() ? number % kPromptInstances : matches[0].instance;
      for (uint32_t rank = 0; rank < kPromptRanks; ++rank) {
        applyInCalls(index, holders[instance * kPromptRanks + rank], keys, false);
      }
    }
    return seconds;
  }

  // The same of a bare table that is asked for what was found.
  double bareLookUp(const FoundLengths& found) const {
    BareTable bare(chunks());
    std::vector<ChunkHash> keys;
    double seconds = 0;
    for (size_t number = 0; number < requests_.size(); ++number) {
      fill(requests_[number], keys);
      const Stopwatch watch;
      bare.find(std::span(keys).first(found[number]));
      seconds += watch.seconds();
      bare.insert(keys, 1);
    }
    return seconds;
  }

 private:
  static void fill(const fleet::Request& request, std::vector<ChunkHash>& keys) {
    keys.clear();
    for (const ChunkHash block : request.chunks) {
      for (size_t i = 0; i < kChunksOfBlock; ++i) keys.push_back(indexKey(block + i));
    }
  }

  const std::vector<fleet::Request> requests_;
};

Result<std::vector<fleet::Request>> requestsOf(const RunOptions& options) {
  const size_t wanted = options.size(kTraceRequests, 100);
  if (options.trace.empty()) return fleet::generateWorkload(wanted, 1);
  auto requests = fleet::readTrace(options.trace);
  if (requests.ok() && requests.value().size() > wanted) requests.value().resize(wanted);
  return requests;
}

RunResult lookUpTrace(const RunOptions& options) {
  auto requests = requestsOf(options);
  if (!requests.ok()) return failed(requests.error().message);
  const TraceReplay replay(std::move(requests.value()));
  FoundLengths found;
  FoundLengths again;
  // The shortest ring that there is: what it makes is gone before it is asked for.
  const double without = replay.lookUp(1, again);
  const double with = replay.lookUp(Trails::kPlacesMax, found);
  if (found != again) return failed("with long trails other chunks are found than with short ones");
  size_t sum = 0;
  for (const size_t length : found) sum += length;
  const auto us = [&](double seconds) {
    return seconds * 1e6 / static_cast<double>(replay.requests());
  };
  char note[160];
  std::snprintf(note, sizeof note, "%zu prompts of %zu chunks, %zu found; a bare table %.2f us",
                replay.requests(), replay.chunks() / replay.requests(), sum / replay.requests(),
                us(replay.bareLookUp(found)));
  return {.value = us(with), .note = note, .error = {}, .limit = us(without)};
}

}  // namespace

std::vector<Row> traceRows() {
  return {{.name = "lookup_trace",
           .what = "a look-up of a trace's prompts, in its order, held once they were asked for",
           .unit = "us",
           .floor = 20,
           .aim = 10,
           .better = Better::kLower,
           .run = lookUpTrace,
           .limit = "the same by an index that remembers the order of 16 chunks",
           .floorOfLimit = 1}};
}

}  // namespace holdfast::bench
