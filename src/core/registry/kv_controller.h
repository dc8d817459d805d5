// The interface document's KVController: reports, look-ups, folding.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/notice_sink.h"
#include "core/index/prompt_lookup.h"
#include "core/lookups.h"
#include "core/messages.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/repair/full_sync_controller.h"
#include "core/repair/repair_controller.h"
#include "core/result.h"

namespace holdfast {

class KvController {
 public:
  KvController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store, Clock& clock,
               NoticeSink& notices, RepairController& repair, FullSyncController& fullSyncs,
               Pins& pins, uint64_t foldFloorOperations);

  // handle_batched_kv_operations. An error (malformed, over a limit) changes nothing.
  Result<ReportOutcome> handleBatchedKvOperations(SessionId session, const Report& report);

  // handle_full_sync_start, _batch, _end, _status. Errors (malformed, unknown location, session not
  // in force) change nothing.
  Result<FullSyncStartOutcome> handleFullSyncStart(SessionId session, const FullSyncStart& message);
  Result<bool> handleFullSyncBatch(SessionId session, const FullSyncBatch& message);
  Result<FullSyncStatus> handleFullSyncEnd(SessionId session, const FullSyncEnd& message);
  Result<FullSyncStatus> handleFullSyncStatus(SessionId session, std::string_view location,
                                              uint64_t incarnation, uint64_t syncId);
  // The worker cannot send again what WorkerLink::replay asked for.
  void replayRefused(SessionId session, std::string_view location, uint64_t incarnation);

  // lookup: every instance of which some rank holds the first chunk, best first. The answer is
  // valid until the next call or change. An empty model is the default one. `withPins`: also how
  // much of each prefix is pinned.
  Result<std::span<const LookupMatch>> lookup(std::string_view model,
                                              std::span<const ChunkHash> hashes,
                                              bool withPins = false);

  // batched_p2p_lookup for the worker of a session: other instances of its model, its own worker id
  // and world size, with a peer URL; longest prefix first. Same validity.
  Result<std::span<const PeerMatch>> batchedP2pLookup(SessionId session,
                                                      std::span<const ChunkHash> hashes);

  // Both without a bound on the work of a turn: what asks in pieces has a look-up of its own, and
  // says when it is over, with what that leaves: it is counted, and the worker of the session was
  // heard of. An error if its session is not in force any more.
  PromptLookup newLookup() const { return {tree_, index_, pins_}; }
  void lookedUp();
  std::optional<Error> lookedUpPeers(SessionId session);

  // One bounded piece of what waits: reports that were held back by a gap, and full syncs. False
  // when nothing is left.
  bool work();

  // Starts folds that are due, as many as may run at once.
  void startFolds();
  // None is begun from now on, until restart() or this says otherwise.
  void holdFolds(bool hold) { foldsHeld_ = hold; }
  size_t foldsRunning() const { return folds_.size(); }
  // What waits for its turn is forgotten; see Registry::restart. No fold may be running.
  void restart();
  void onFolded(const FoldResult& result);

 private:
  // Reports that the state does not allow: counted, and said once a session and location.
  void drop(Worker& worker, std::string_view location, uint64_t incarnation);
  void refuse(Worker& worker);
  ReportOutcome take(Location& location, const Report& report);
  ReportOutcome takeLegacy(Location& location, const Report& report);
  ReportOutcome beyondGap(Location& location, const Report& report);
  void turn(Location& location);
  Worker* heard(SessionId session);
  // Operations that begin at the location's lastSeq + 1: into the index and the store's queue.
  void apply(Location& location, const Operations& operations);
  void queueFold(Location& location);
  void commitFold(Location& location, const FoldResult& result);

  RegistryTree& tree_;
  ChunkIndex& index_;
  RegistryStore& store_;
  Clock& clock_;
  NoticeSink& notices_;
  RepairController& repair_;
  FullSyncController& fullSyncs_;
  Pins& pins_;
  const uint64_t foldFloor_;
  PromptLookup lookup_;

  static constexpr size_t kFoldsAtOnce = 2;
  struct Fold {
    LocationRef location;
    LivePart live;
  };
  std::unordered_map<uint64_t, Fold> folds_;  // running, by request id
  uint64_t nextFold_ = 1;
  std::deque<LocationRef> foldsDue_;
  bool foldsHeld_ = false;
  std::deque<LocationRef> turns_;  // locations whose held reports go on
};

}  // namespace holdfast
