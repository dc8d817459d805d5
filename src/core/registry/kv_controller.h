// The interface document's KVController: what workers report, and what routers and workers look up.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/index/prompt_lookup.h"
#include "core/lookups.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/folding.h"
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
               Pins& pins, Folding& folding);

  // handle_batched_kv_operations. An error (malformed, over a limit) changes nothing.
  Result<ReportOutcome> handleBatchedKvOperations(SessionId session, const Report& report);

  // handle_full_sync_start, _batch, _end, _status. Errors (malformed, unknown location, session not
  // in force) change nothing. A batch is true where it is stored or of no use any more, and false
  // where it is not taken: the session is not in force, or the store has no room and the worker is
  // paused.
  Result<FullSyncStartOutcome> handleFullSyncStart(SessionId session, const FullSyncStart& message);
  Result<bool> handleFullSyncBatch(SessionId session, const FullSyncBatch& message);
  Result<FullSyncStatus> handleFullSyncEnd(SessionId session, const FullSyncEnd& message);
  Result<FullSyncStatus> handleFullSyncStatus(SessionId session, std::string_view location,
                                              uint64_t incarnation, uint64_t syncId);
  // The worker cannot send again what WorkerLink::replay asked for.
  void replayRefused(SessionId session, std::string_view location, uint64_t incarnation);

  // What a worker has missed to say and cannot say any more. It goes on from `nextSeq`, and what is
  // held is DIVERGED until a full sync; ignored for another incarnation, or for the past. Said
  // again with the very next seq it only asks for the full sync, where one can be made by now.
  void operationsLost(SessionId session, const OperationsLost& lost);

  // A location holds nothing any more: in O(1), whatever it held and whatever was wrong with it. An
  // error (malformed) changes nothing.
  Result<ReportOutcome> clear(SessionId session, const Clear& message);

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
  // `countedAs`: of a look-up that is repeated, what it was counted as; kUnsaid of any other.
  std::span<const LookupMatch> lookedUp(PromptLookup& lookup,
                                        MissReason countedAs = MissReason::kUnsaid);
  std::optional<Error> lookedUpPeers(SessionId session);

  // One bounded piece of what waits: reports that were held back by a gap, and full syncs. False
  // when nothing is left.
  bool work();

  // What waits for its turn is forgotten; see Registry::restart.
  void restart() { turns_.clear(); }

 private:
  // Reports that the state does not allow: counted, and said once a session and location.
  void drop(Worker& worker, std::string_view location, uint64_t incarnation);
  // The location that takes what is of this incarnation; null where it is dropped or refused, which
  // `otherwise` says and is counted. `bytes`: in the store's queue.
  Location* taking(SessionId session, std::string_view location, uint64_t incarnation, size_t bytes,
                   ReportOutcome& otherwise);
  void refuse(Worker& worker);
  void lose(Location& location, const OperationsLost& lost);
  ReportOutcome take(Location& location, const Report& report);
  ReportOutcome takeLegacy(Location& location, const Report& report);
  ReportOutcome beyondGap(Location& location, const Report& report);
  void turn(Location& location);
  Worker* heard(SessionId session);
  // Operations that begin at the location's lastSeq + 1: into the index and the store's queue.
  void apply(Location& location, const Operations& operations,
             const std::optional<SourcePosition>& position = {});

  RegistryTree& tree_;
  ChunkIndex& index_;
  RegistryStore& store_;
  Clock& clock_;
  NoticeSink& notices_;
  RepairController& repair_;
  FullSyncController& fullSyncs_;
  Pins& pins_;
  Folding& folding_;
  PromptLookup lookup_;

  std::deque<LocationRef> turns_;  // locations whose held reports go on
};

}  // namespace holdfast
