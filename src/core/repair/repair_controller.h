// Brings locations that are not in sync back: asks for operations again, and decides whose full
// sync is next. What a full sync does with its keys is in full_sync_controller.
#pragma once

#include <cstdint>
#include <set>

#include "core/clock.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/registry_tree.h"
#include "core/repair/full_sync_tracker.h"

namespace holdfast {

class RepairController {
 public:
  struct Options {
    FullSyncTracker::Options fullSync;
    // Without any of the operations that were asked for: asked for again, given up.
    uint64_t replayAgainMs = 1'000;
    uint64_t replayTimeoutMs = 10'000;
    // Share of the ACTIVE workers without a sync to do from which engines may thaw; of the
    // interface document.
    double completionThreshold = 0.8;
  };

  // Keeps all references.
  RepairController(RegistryTree& tree, RegistryStore& store, Clock& clock, NoticeSink& notices,
                   const Options& options);

  // --- Replays. `gap` is the location's own, or its building part's. ---

  // Has the worker report `from` to `to` again.
  void askReplay(Location& location, Gap& gap, uint64_t from, uint64_t to);
  // The answer to a registration, not committed yet, tells the worker to go on from where we are,
  // and it has already got to `to`.
  void expectReplay(Location& location, Gap& gap, uint64_t to);
  // Operations up to `seq` have come.
  void advanced(Gap& gap, uint64_t seq);
  // The worker cannot send again what was asked for.
  void replayRefused(Location& location, uint64_t incarnation);
  // Keeps a report that starts after `expected` and asks for what is missing before it. False if
  // that is more than can be held.
  bool hold(Location& location, Gap& gap, uint64_t expected, const Report& report);

  // --- Full syncs ---

  // The location needs one. `atFront`: one that has been under way goes on.
  void want(Location& location, Reason reason, bool atFront = false);
  bool wanted(const Location& location) const {
    return tracker_.phase(location.serial) != FullSyncTracker::Phase::kNone;
  }
  // Nothing less mends what it holds: it is DIVERGED, and needs one.
  void diverge(Location& location, Reason reason);
  // It needs none, or there is nobody to make it: no session, or the location is being forgotten.
  void settle(Location& location);
  void settle(Worker& worker);
  bool mayStart(const Location& location) const { return tracker_.mayStart(location.serial); }
  void started(Location& location);
  void active(const Location& location) { tracker_.active(location.serial, clock_.steadyMs()); }
  // What it brought is dropped; it is tried again later. `why` tells the cause and what goes with
  // it; the rest of it is filled in.
  void fail(Location& location, notice::FullSyncFailed why);
  // Asks workers to begin as long as slots are free.
  void askNext();

  // Time-outs. Costs what is under way, not what there is.
  void tick();

  // Workers without a sync to do, of those with a session; 1 where there are none.
  double globalProgress() const;
  bool canExitFreeze() const { return globalProgress() >= options_.completionThreshold; }
  const FullSyncTracker& tracker() const { return tracker_; }

 private:
  bool askable(uint64_t serial) const;
  void failed(Location& location, notice::FullSyncFailed why);
  void replayFailed(Location& location, bool ofBuilding, Reason reason);
  void checkReplay(Location& location, Gap& gap, uint64_t nowMs);
  void allow(Replay& replay, uint64_t to) const;
  void checkReplays(uint64_t nowMs);

  RegistryTree& tree_;
  RegistryStore& store_;
  Clock& clock_;
  NoticeSink& notices_;
  const Options options_;
  FullSyncTracker tracker_;
  size_t workersSyncing_ = 0;     // with a sync to do
  std::set<uint64_t> replaying_;  // serials of locations that a replay was expected of
};

// Drops the building part; the batch records it.
void abandonBuilding(RegistryTree& tree, Location& location, StoreBatch& batch);
// Begins a generation without content, numbered from `seq` on, in place of the live one and of what
// is built; the batch records it, and RegistryTree::restartNumbering is to follow when it is
// queued.
void beginGeneration(RegistryTree& tree, Location& location, uint64_t incarnation, uint64_t seq,
                     StoreBatch& batch);
// How the location is until its worker registers again, after a start or Registry::restart.
void awaitRegistration(Location& location);
// The same as beginGeneration for a client without incarnations: our own numbering begins, at seq
// 0.
void forgetLegacy(RegistryTree& tree, Location& location, StoreBatch& batch);

}  // namespace holdfast
