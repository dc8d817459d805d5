// Full syncs: a worker sends all keys of a location, as of one operation, in batches, and goes on
// reporting; from both a second generation is built beside the live one, and takes its place once
// it is whole. The handle_full_sync_* of the interface document, see KvController.
//
//   start -> batches in any order, reports meanwhile -> end -> reports applied -> switch
//
// Everything is in the store's log as it comes, so that a crash loses nothing of it. Nothing of the
// new generation is looked up before the switch.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/index/chunk_index.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/repair/repair_controller.h"
#include "core/result.h"

namespace holdfast {

class FullSyncController {
 public:
  // Keeps all references.
  FullSyncController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store, Clock& clock,
                     NoticeSink& notices, RepairController& repair, Pins& pins);

  // The worker of a session in force. Errors are of the message and change nothing; what the state
  // does not allow is an outcome.
  Result<FullSyncStartOutcome> start(Worker& worker, const FullSyncStart& message);
  // False: the store cannot take it.
  Result<bool> batch(Worker& worker, const FullSyncBatch& message);
  Result<FullSyncStatus> end(Worker& worker, const FullSyncEnd& message);
  FullSyncStatus status(Worker& worker, std::string_view location, uint64_t incarnation,
                        uint64_t syncId);

  // A report of the incarnation whose generation is built.
  ReportOutcome report(Location& location, const Report& report);

  // One bounded piece of applying what was reported meanwhile. False when nothing is left.
  bool work();
  // Called with a location whose generation was switched.
  void onSwitch(std::function<void(Location&)> callback) { onSwitch_ = std::move(callback); }

  // Recovery built a building part: work() goes on with it.
  void resume(Location& location) { queueTurn(location); }

  // See Registry::restart; no building part is left.
  void restart() { turns_.clear(); }

  static constexpr size_t kTurnOperations = 8192;

 private:
  // Why the state does not allow the start.
  std::optional<std::string> whyNot(const Location& location, const FullSyncStart& message) const;
  void begin(Location& location, const FullSyncStart& message, StoreBatch& batch);
  FullSyncStatus statusOf(Location& location) const;
  // Into the journal of the building part, from its lastSeq + 1 on. False: too much is held.
  bool take(Location& location, const Operations& operations);
  void queueTurn(Location& location);
  bool turn(Location& location);
  void finishIfDone(Location& location);
  void switchOver(Location& location);

  RegistryTree& tree_;
  ChunkIndex& index_;
  RegistryStore& store_;
  Clock& clock_;
  NoticeSink& notices_;
  RepairController& repair_;
  Pins& pins_;
  std::function<void(Location&)> onSwitch_;
  std::deque<LocationRef> turns_;
};

}  // namespace holdfast
