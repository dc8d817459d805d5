// Instances -> workers -> locations, their sequence numbers and the holders that stand for them in
// the index. Bookkeeping only: what a message means is decided by the controllers.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/chunk_index.h"
#include "core/limits.h"
#include "core/messages.h"
#include "core/prefix_match.h"
#include "core/records.h"
#include "core/registry_store.h"
#include "core/result.h"

namespace holdfast {

struct Worker;

// Names a location across its forgetting: serials are never reused.
struct LocationRef {
  uint64_t serial = 0;
};

struct Location {
  Worker* worker = nullptr;
  uint64_t serial = 0;
  uint16_t nameId = 0;  // interned name
  LocationRecord record;
  HolderId holder = kNoHolder;
  uint64_t lastSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  SyncState sync = SyncState::kDiverged;
  Reason reason = Reason::kNone;
  uint64_t replayTo = 0;           // kReplaying: caught up when lastSeq reaches it
  uint64_t journalOperations = 0;  // in the journal, not yet folded
  bool foldQueued = false;         // due or running

  // Confirmation with two marks instead of a queue: when the write that `pendingTicket` names is
  // committed, pendingSeq is confirmed and the marks move to the newest write.
  Ticket lastTicket = 0;
  Ticket pendingTicket = 0;
  uint64_t pendingSeq = 0;
  uint64_t committedSeq = 0;
};

struct Instance;

// Whether a worker's reports are taken.
enum class Flow : uint8_t {
  kOpen,
  kPaused,    // told to stop: the store cannot take them
  kResuming,  // told to register again; until it has, what arrives is not continuous
};

struct Worker {
  Instance* instance = nullptr;
  uint32_t slot = 0;
  OwnerId owner = kNoOwner;
  WorkerRecord record;
  std::string quarantined;  // why its stored records could not be read; empty: they could
  uint64_t modelSalt = 0;
  SessionId session = kNoSession;
  WorkerLink* link = nullptr;  // with session
  Flow flow = Flow::kOpen;
  // Steady clock: last message; of a LOST one when it was lost; of a recovered one the start.
  uint64_t lastHeardMs = 0;
  uint64_t lastSupersededMs = 0;  // steady clock; 0: never
  uint64_t lastSeenWallMs = 0;
  std::deque<uint64_t> supersededRuns;
  std::vector<std::unique_ptr<Location>> locations;

  // nullptr if not declared.
  Location* find(std::string_view name) const;
};

// "instance 'a' worker 3", for errors and logs.
std::string describe(const Worker& worker);
// What a message of a session that bySession() does not know is answered with.
Error sessionNotInForce();

struct Instance {
  uint32_t slot = 0;
  OwnerId owner = kNoOwner;
  InstanceRecord record;
  std::map<uint32_t, std::unique_ptr<Worker>> workers;
};

class RegistryTree {
 public:
  RegistryTree(ChunkIndex& index, std::string defaultModel);

  const std::map<std::string, std::unique_ptr<Instance>, std::less<>>& instances() const {
    return instances_;
  }
  Instance* findInstance(std::string_view instance) const;
  Worker* findWorker(std::string_view instance, uint32_t worker) const;
  // The worker whose session this is; nullptr if the session is not in force.
  Worker* bySession(SessionId session) const;
  // nullptr if it was forgotten.
  Location* byRef(LocationRef ref) const;
  const Instance* instanceBySlot(uint32_t slot) const { return instancesBySlot_[slot]; }
  size_t workers() const { return workers_; }

  // Adds without writing; the caller writes the records.
  Instance& addInstance(std::string_view instance, OwnerId owner);
  Worker& addWorker(Instance& instance, uint32_t worker, OwnerId owner);
  // A holder, the smallest free location id; nullptr above kLocationNamesMax distinct names.
  Location* addLocation(Worker& worker, std::string_view name, const LocationRecord* stored);

  // Removal: the holder leaves look-ups at once and is retired as soon as the index takes it.
  void removeLocation(Location& location);
  void removeWorker(Worker& worker);  // and its instance with the last one
  // A new holder with no keys stands for the location; the old one is retired.
  void renewHolder(Location& location);

  // Sets what look-ups may see of the worker's locations from its state and their hidden flags.
  void refreshVisibility(Worker& worker);
  void setWorldSize(Instance& instance, uint32_t worldSize);

  SessionId openSession(Worker& worker, WorkerLink& link);
  void closeSession(Worker& worker);

  // Retires holders that waited for a sweep; see ChunkIndex::retire.
  void retireWaiting();

  // A write up to `lastSeq` of the location, or any other write, was queued under this ticket.
  void wrote(Location& location, uint64_t lastSeq, Ticket ticket);
  void wrote(Ticket ticket) { lastTicket_ = ticket; }
  // The location's numbering begins anew at `seq`, which the write with this ticket records.
  void restartNumbering(Location& location, uint64_t seq, Ticket ticket);
  Ticket lastTicket() const { return lastTicket_; }
  Ticket committedTicket() const { return committedTicket_; }
  void committed(Ticket upTo) { committedTicket_ = upTo; }
  // Last seq of the live part whose report is committed.
  uint64_t committedSeq(Location& location) const;

  uint64_t memberships() const { return memberships_; }
  void changeMemberships(int64_t by) { memberships_ += static_cast<uint64_t>(by); }

  const HolderDirectory& directory() const { return directory_; }
  std::string_view locationName(uint16_t nameId) const { return locationNames_[nameId]; }
  const std::string& defaultModel() const { return defaultModel_; }
  uint64_t salt(std::string_view model) const;

  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  size_t waitingRetirements() const { return waitingRetirements_.size(); }

 private:
  void discardHolder(HolderId holder);
  void confirm(Location& location) const;

  ChunkIndex& index_;
  const std::string defaultModel_;
  std::map<std::string, std::unique_ptr<Instance>, std::less<>> instances_;
  std::vector<Instance*> instancesBySlot_;
  std::vector<uint32_t> freeInstanceSlots_;
  size_t workers_ = 0;
  std::unordered_map<SessionId, Worker*> sessions_;
  SessionId nextSession_ = 1;
  std::unordered_map<uint64_t, Location*> locationsBySerial_;
  uint64_t nextSerial_ = 1;
  std::vector<std::string> locationNames_;
  std::map<std::string, uint16_t, std::less<>> locationIds_;
  HolderDirectory directory_;
  std::deque<HolderId> waitingRetirements_;
  uint64_t memberships_ = 0;
  Ticket lastTicket_ = 0;
  Ticket committedTicket_ = 0;
  Counters counters_;
};

}  // namespace holdfast
