// The controllers and what they share, wired: everything that core owns. Deterministic: the same
// inputs in the same order give the same state. One thread.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/index/chunk_index.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/drop_watch.h"
#include "core/registry/folding.h"
#include "core/registry/kv_controller.h"
#include "core/registry/limit_watch.h"
#include "core/registry/operator_commands.h"
#include "core/registry/pins.h"
#include "core/registry/registration_controller.h"
#include "core/registry/registry_digest.h"
#include "core/registry/registry_loader.h"
#include "core/registry/registry_tree.h"
#include "core/registry_store.h"
#include "core/repair/full_sync_controller.h"
#include "core/repair/repair_controller.h"
#include "core/replica/replica.h"
#include "core/ticket_ledger.h"

namespace holdfast {

struct RegistryOptions {
  std::string defaultModel = "default";  // of workers and look-ups that name none
  RegistrationController::Options lifeCycle;
  RepairController::Options repair;
  uint64_t foldFloorOperations = 65'536;  // journals below this are not folded
  ChunkIndex::Options index;
};

class Registry : public StoreListener {
 public:
  // Keeps references to all three; they outlive the registry.
  Registry(const RegistryOptions& options, Clock& clock, RegistryStore& store, NoticeSink& notices);

  // Reads the store back. First call, before any other input.
  RecoveryReport recover();
  // The cache operations that the store remembered; once, after recover().
  std::vector<EventRecord> takeRecoveredEvents() { return std::move(recoveredEvents_); }
  // At most one; outlives the registry, or is taken off with nullptr.
  void observeSessions(SessionObserver* observer) { tree_.observeSessions(observer); }

  RegistrationController& registration() { return registration_; }
  const RegistrationController& registration() const { return registration_; }
  OperatorCommands& operators() { return operators_; }
  KvController& kv() { return kv_; }
  const KvController& kv() const { return kv_; }
  const RepairController& repair() const { return repair_; }
  Pins& pins() { return pins_; }
  // Of a follower: what its leader writes. It gets nothing but this, tickFollowing() and work().
  Replica& replica() { return replica_; }
  // Of the steady clock that time-outs go by.
  uint64_t nowMs() const { return clock_.steadyMs(); }
  const RegistryTree& tree() const { return tree_; }
  // The store, as everything that changes the registry or its events writes to it.
  TicketLedger& ledger() { return ledger_; }
  const TicketLedger& ledger() const { return ledger_; }
  const Counters& counters() const { return tree_.counters(); }
  const ChunkIndex& index() const { return index_; }

  // Time-outs of the life-cycle, of repairs and of pins, waiting retirements, folds. Every 100 ms
  // or so; after a poll of the sockets, so that a stalled loop does not expire a healthy fleet.
  void tick();
  // The same for a follower: waiting retirements and folds. Everything else is its leader's to say.
  void tickFollowing();
  // Time-outs of workers begin anew: nobody could come for a while.
  void forgetSilence();
  // A follower is to lead: time-outs begin, full syncs under way go on. It is as after recover().
  void lead();
  // One bounded piece of background work (held reports, full syncs, pins that are over, a turn of
  // the sweep). False when there is none left.
  bool work();

  // Brings everything to where a restart on what is queued to the store would bring it, and keeps
  // look-ups: sessions end, their workers are RECOVERED until they register again; what waits in
  // memory is forgotten, and full syncs under way are abandoned. So that a log of inputs can begin
  // here. No fold may be running: holdFolds() first.
  void restart(const std::string& why);
  void holdFolds(bool hold) { folding_.hold(hold); }
  size_t foldsRunning() const { return folding_.running(); }

  // Of what the fleet may fill up; each is warned of before it is reached.
  std::vector<LimitUse> limits() const;

  // Cost the same however many locations there are (core/registry/kept_digests.h).
  RegistryDigest contentDigest() const { return tree_.contentDigest(); }
  RegistryDigest registryDigest() const { return tree_.stateDigest(); }

  void onCommitted(Ticket upTo) override;
  void onFolded(const FoldResult& result) override;
  void onHealth(const StoreHealth& health) override;

 private:
  // What it holds is there; nobody has said anything since.
  void begin();

  Clock& clock_;
  TicketLedger ledger_;
  NoticeSink& notices_;
  ChunkIndex index_;
  RegistryTree tree_;
  RepairController repair_;
  Pins pins_;
  FullSyncController fullSyncs_;
  RegistrationController registration_;
  OperatorCommands operators_;
  Folding folding_;
  KvController kv_;
  Replica replica_;
  LimitWatch limitWatch_;
  DropWatch dropWatch_;
  const size_t workersMax_;
  std::vector<EventRecord> recoveredEvents_;
};

}  // namespace holdfast
