// What a run of the fleet found, as a table for people and as JSON for scripts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::fleet {

// Chunks of requests found in the cache of the instance that served them.
struct HitCount {
  uint64_t chunks = 0;
  uint64_t hits = 0;

  void add(uint64_t ofChunks, uint64_t hit) {
    chunks += ofChunks;
    hits += hit;
  }
  // Nothing where nothing was asked.
  std::optional<double> ratio() const;
};

// Latencies of look-ups in microseconds, as the client sees them.
class LatencyLog {
 public:
  void add(uint64_t us) {
    values_.push_back(us > UINT32_MAX ? UINT32_MAX : static_cast<uint32_t>(us));
  }
  size_t count() const { return values_.size(); }
  // The value that a share of all do not exceed (nearest rank); 0 without values. Sorts.
  uint64_t percentile(double share);

 private:
  std::vector<uint32_t> values_;
};

struct Report {
  uint64_t requests = 0;
  uint64_t lookups = 0;        // answered
  uint64_t lookupsFailed = 0;  // not answered in time: their requests were routed round-robin
  // Of those answered: nobody was named, although somebody held the prompt's first chunk when the
  // look-up was made, and still did when it was answered.
  uint64_t lookupsBlind = 0;
  uint64_t operations = 0;  // admits and evicts reported while requests were served
  double seconds = 0;       // how long serving took
  HitCount hits;
  // Before the first connection was lost, and after all workers had registered again. If none was
  // lost, everything is "before".
  HitCount hitsBefore;
  HitCount hitsAfter;
  // As a client sees them, while all workers are registered: waiting for a controller that is
  // being started again is not counted.
  uint64_t lookupP50Us = 0;
  uint64_t lookupP99Us = 0;
  uint64_t lookupP999Us = 0;

  uint64_t workers = 0;
  // Of the workers that registered again: those that the controller compared equal at the end and
  // did not ask for anything it had been sent before; those that it did ask.
  uint64_t workersReconnected = 0;
  uint64_t workersInSyncAfterRestart = 0;
  uint64_t workersAskedForAnything = 0;
  uint64_t keysResentAfterRestart = 0;
  uint64_t chunksRecovered = 0;  // (rank, chunk) pairs that the controller had when it started
  uint64_t recoveryMs = 0;

  // Faults that happened while requests were served, and what repairing took, to the end.
  uint64_t restarts = 0;
  uint64_t cuts = 0;
  uint64_t corruptions = 0;
  uint64_t replays = 0;  // that the controller asked for
  uint64_t replayedOperations = 0;
  uint64_t fullSyncs = 0;
  uint64_t resyncedKeys = 0;      // sent in full syncs, again too
  std::optional<bool> converged;  // nothing where there were no faults
  double convergedSeconds = 0;    // from the last fault on; only if it did

  uint64_t chunks = 0;        // (rank, chunk) pairs in the simulated caches: what was compared
  uint64_t chunksPinned = 0;  // of those, by operations of the controller
  uint64_t chunksCompressed = 0;
  std::string digestFleet;       // of the simulated caches
  std::string digestController;  // empty: not available
  std::string problem;           // why the digests could not be compared; empty: they could

  bool digestsEqual() const { return problem.empty() && digestFleet == digestController; }
  double perSecond(uint64_t count) const {
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  }
};

// Ends with a line break.
std::string toTable(const Report& report);
// One object on one line, without a line break.
std::string toJson(const Report& report);

}  // namespace holdfast::fleet
