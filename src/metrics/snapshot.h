// What a scrape shows, as plain values of one moment.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "core/histogram.h"
#include "core/queries/status.h"
#include "core/repair/full_sync_tracker.h"
#include "core/replica_view.h"
#include "core/source_table.h"
#include "core/store_statistics.h"
#include "os/process_usage.h"
#include "serving/latency_histogram.h"
#include "serving/measurements.h"
#include "serving/services.h"

namespace holdfast::metrics {

// How often something happened, by a name of static storage: a few fixed ones, never what a peer
// sent.
using CountsByName = std::map<std::string_view, uint64_t>;

struct Snapshot {
  std::string version;
  queries::Status status;
  std::array<uint64_t, FullSyncTracker::kPhases> fullSyncs{};  // by phase
  uint64_t heldOperations = 0;
  uint64_t heldBytes = 0;

  LatencyHistogram lookups;  // nanoseconds
  Histogram loopTurns;       // nanoseconds
  Measurements measured;
  HashingCounts hashing;

  SourceTotals engines;

  ReplicaView replica;

  bool storeWritable = false;
  StoreStatistics store;
  uint64_t captureBytes = 0;
  double recoverySeconds = 0;

  size_t rpcConnections = 0;
  size_t httpConnections = 0;
  size_t connectionsMax = 0;
  CountsByName connectionsClosed;  // by why: "silent", "unread_answers"
  CountsByName authFailures;       // by why: "unknown_token"

  uint64_t missingBatches = 0;  // of running full syncs; where LMCache's metrics are shown

  ProcessUsage process;
  uint64_t openFiles = 0;
};

// On the loop's thread; costs the same whatever the fleet. `openFiles`: as OpenFileCount found.
Snapshot collect(const Services& services, uint64_t openFiles);

}  // namespace holdfast::metrics
