// A plain model of what a controller does with a worker's reports: sets, a log of operations, the
// sequence rules, the resume table, and full syncs that it asks for.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

// A full sync under way.
struct ModelSync {
  FullSyncStart start;
  std::map<uint32_t, std::vector<ChunkHash>> batches;
  std::vector<std::pair<ChunkHash, bool>> log;  // operations after the cut; true: evict

  uint64_t seq() const { return start.baseSeq + log.size(); }
  std::vector<uint32_t> missing() const;
};

struct ModelLocation {
  uint64_t incarnation = 0;
  uint64_t baseSeq = 0;
  std::set<ChunkHash> baseKeys;                 // as of baseSeq
  std::vector<std::pair<ChunkHash, bool>> log;  // operations after it; true: evict
  std::set<ChunkHash> keys;                     // as of seq()
  bool paused = false;                          // reports are dropped until the next registration
  bool diverged = false;                        // needs a full sync
  std::optional<ModelSync> sync;
  std::pair<uint64_t, uint64_t> completed{0, 0};  // (incarnation, sync id) of the last full sync
  uint64_t retransmitted = 0;                     // operations that were there already
  uint64_t gaps = 0;                              // reports that started too late

  uint64_t seq() const { return baseSeq + log.size(); }
  KeyDigest digest() const;
  void begin(uint64_t newIncarnation, uint64_t seq, std::set<ChunkHash> content);
  // What a power loss does: the last n operations are gone (as many as there are).
  void loseTail(size_t n);
};

class ModelController {
 public:
  std::vector<LocationDecision> registerWorker(const std::vector<LocationStatement>& statements);
  ReportOutcome report(const Report& report);
  // Of locations whose statement does not equal what is here.
  std::vector<LocationDecision> compare(const std::vector<LocationStatement>& statements) const;
  // What states that it was cleared, is; but not while it diverges, unless `always`: as older
  // controllers do.
  void takeClears(const std::vector<LocationStatement>& statements, bool always);
  std::vector<CommittedSeq> committed() const;

  // Those in need of a full sync, as a heartbeat's answer lists them.
  std::vector<LocationDecision> repairs() const;
  // What a worker is asked for: locations, and the sync to go on with, or 0.
  std::vector<std::pair<std::string, uint64_t>> syncsToAsk() const;
  FullSyncStartOutcome fullSyncStart(const FullSyncStart& start);
  void fullSyncBatch(const FullSyncBatch& batch);
  // Switches if `finish` and all is there.
  FullSyncStatus fullSyncStatus(std::string_view location, uint64_t incarnation, uint64_t syncId,
                                bool finish);

  std::map<std::string, ModelLocation, std::less<>> locations;
  uint64_t batches = 0;
  uint64_t batchesAgain = 0;    // of those, stored already
  uint64_t batchesChanged = 0;  // of those, with other keys
};

}  // namespace holdfast
