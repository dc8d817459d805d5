// The interface document's KVController: reports, look-ups, folding.
#pragma once

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/messages.h"
#include "core/prefix_match.h"
#include "core/registry_tree.h"
#include "core/result.h"

namespace holdfast {

class KvController {
 public:
  KvController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store, Clock& clock,
               EventSink& events, uint64_t foldFloorOperations);

  // handle_batched_kv_operations. An error (malformed, over a limit) changes nothing.
  Result<ReportOutcome> handleBatchedKvOperations(SessionId session, const Report& report);

  // lookup: every instance of which some rank holds the first chunk, best first. The answer is
  // valid until the next call or change. An empty model is the default one.
  Result<std::span<const LookupMatch>> lookup(std::string_view model,
                                              std::span<const ChunkHash> hashes);

  // batched_p2p_lookup for the worker of a session: other instances, its own worker id, with a
  // peer URL; longest prefix first. Same validity.
  Result<std::span<const PeerMatch>> batchedP2pLookup(SessionId session,
                                                      std::span<const ChunkHash> hashes);

  // Starts folds that are due, as many as may run at once.
  void startFolds();
  void onFolded(const FoldResult& result);

 private:
  ReportOutcome refuse(Worker& worker);
  ReportOutcome gap(Location& location, uint64_t firstSeq);
  // Operations that begin at the location's lastSeq + 1: into the index and the store's queue.
  void apply(Location& location, const Operations& operations);
  void queueFold(Location& location);
  void commitFold(Location& location, const FoldResult& result);

  RegistryTree& tree_;
  ChunkIndex& index_;
  RegistryStore& store_;
  Clock& clock_;
  EventSink& events_;
  const uint64_t foldFloor_;
  PrefixMatcher matcher_;
  std::vector<InstanceMatch> instanceMatches_;
  std::vector<LookupMatch> lookupMatches_;
  std::vector<PeerMatch> peerMatches_;

  static constexpr size_t kFoldsAtOnce = 2;
  struct Fold {
    LocationRef location;
    LivePart live;
  };
  std::unordered_map<uint64_t, Fold> folds_;  // running, by request id
  uint64_t nextFold_ = 1;
  std::deque<LocationRef> foldsDue_;
};

}  // namespace holdfast
