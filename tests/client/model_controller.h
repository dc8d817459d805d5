// A plain model of what a controller does with a worker's reports: sets, a log of operations, the
// sequence rules and the resume table.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

struct ModelLocation {
  uint64_t incarnation = 0;
  uint64_t baseSeq = 0;
  std::set<ChunkHash> baseKeys;                 // as of baseSeq
  std::vector<std::pair<ChunkHash, bool>> log;  // operations after it; true: evict
  std::set<ChunkHash> keys;                     // as of seq()
  bool paused = false;                          // reports are dropped until the next registration
  bool diverged = false;                        // needs a full sync that nobody makes
  uint64_t retransmitted = 0;                   // operations that were there already
  uint64_t gaps = 0;                            // reports that started too late

  uint64_t seq() const { return baseSeq + log.size(); }
  KeyDigest digest() const;
  void begin(uint64_t newIncarnation, uint64_t seq, std::set<ChunkHash> content);
  // What a power loss does: the last n operations are gone (as many as there are).
  void loseTail(size_t n);
};

class ModelController {
 public:
  // The worker's keys at the statement: a full sync made at once. Empty function: none is made.
  using FullSync = std::function<std::vector<ChunkHash>(const std::string& location)>;

  std::vector<LocationDecision> registerWorker(const std::vector<LocationStatement>& statements,
                                               const FullSync& fullSync);
  ReportOutcome report(const Report& report);
  // Of locations whose statement does not equal what is here.
  std::vector<LocationDecision> compare(const std::vector<LocationStatement>& statements) const;
  std::vector<CommittedSeq> committed() const;

  std::map<std::string, ModelLocation, std::less<>> locations;
};

}  // namespace holdfast
