// Instances -> workers -> locations, their sequence numbers and the holders that stand for them in
// the index. Bookkeeping only: what a message means is decided by the controllers.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/counters.h"
#include "core/index/chunk_index.h"
#include "core/index/prefix_match.h"
#include "core/limits.h"
#include "core/messages.h"
#include "core/records.h"
#include "core/registry/counted_sync.h"
#include "core/registry/kept_digests.h"
#include "core/registry/location_names.h"
#include "core/registry/location_pins.h"
#include "core/registry/session_observer.h"
#include "core/registry_store.h"
#include "core/repair/held_reports.h"
#include "core/result.h"
#include "core/states.h"
#include "core/ticket_ledger.h"
#include "core/worker_link.h"

namespace holdfast {

struct Worker;

// Names a location across its forgetting: serials are never reused.
struct LocationRef {
  uint64_t serial = 0;
};

// Operations that were asked for, or are on their way as a registration's answer told.
struct Replay {
  uint64_t to = 0;  // last one; 0: none outstanding
  // Steady clock: without any of them until then they are asked for again, or given up.
  uint64_t againMs = 0;
  uint64_t deadlineMs = 0;
  // The answer to the worker's registration has it sent: their time begins when that is committed.
  bool awaitsAnswer = false;
};

// What came after operations that are missing, and the replay that is to bring those.
struct Gap {
  explicit Gap(HeldBudget& budget) : held(budget) {}

  HeldReports held;
  Replay replay;

  void clear() {
    held.clear();
    replay = {};
  }
};

// In memory, of a location's building part (LocationRecord::building, always there with it).
struct Building {
  Building(HeldBudget& budget, HolderId itsHolder)
      : holder(itsHolder), pending(budget), gap(budget) {}

  HolderId holder;           // never visible
  std::vector<bool> stored;  // by batch number
  uint32_t batchesStored = 0;
  uint64_t keysStored = 0;  // of those batches; a key that comes twice is counted twice
  uint64_t count = 0;       // distinct keys that the holder has
  KeyDigest digest;         // of those
  uint64_t cutCount = 0;    // as of when all batches were there: the worker's cut
  KeyDigest cutDigest;
  uint64_t lastSeq = 0;     // last operation in its journal
  uint64_t appliedSeq = 0;  // last one applied; the cut's until all batches are there
  HeldReports pending;      // in the journal and not yet applied
  Gap gap;
  bool ended = false;        // the worker has sent everything
  bool turnQueued = false;   // bounded work waits
  uint64_t startedMs = 0;    // steady clock; of the start that goes on here
  uint64_t keysAtStart = 0;  // stored before that

  bool whole() const { return batchesStored == stored.size(); }
  // A batch that was not stored before; `change` is what its keys made of the holder.
  void addBatch(uint32_t number, uint64_t keys, const ChunkIndex::Change& change) {
    stored[number] = true;
    ++batchesStored;
    keysStored += keys;
    apply(change);
    cutCount = count;
    cutDigest = digest;
  }
  void apply(const ChunkIndex::Change& change) {
    count += static_cast<uint64_t>(change.count);
    digest += change.digest;
  }
};

// The full sync that a location's live generation came from, while its worker may ask for it.
struct CompletedSync {
  uint64_t incarnation = 0;
  uint64_t syncId = 0;  // 0: none
  Ticket ticket = 0;    // of the switch
};

struct Location {
  Location(HeldBudget& budget, SyncCounts& counts) : sync(counts), gap(budget) {}

  Worker* worker = nullptr;
  uint64_t serial = 0;
  uint16_t nameId = 0;  // interned name
  LocationRecord record;
  HolderId holder = kNoHolder;
  uint64_t lastSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  DigestShare share;  // in the registry's digests
  CountedSync sync;
  Reason reason = Reason::kNone;
  uint64_t journalOperations = 0;  // in the journal, not yet folded
  bool foldQueued = false;         // due or running
  Gap gap;
  bool turnQueued = false;   // held reports wait for their turn
  bool notLookedUp = false;  // counted in RegistryTree::locationsHidden()
  std::unique_ptr<Building> building;
  std::unique_ptr<LocationPins> pins;  // null where nothing is pinned
  CompletedSync completedSync;
  Reason syncReason = Reason::kNone;  // why a full sync is wanted, where one is
  // Of a legacy client: the last seq that it gave, in its own numbering; seqs here are ours.
  uint64_t legacySeq = 0;

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
  std::string quarantined;        // why its stored records could not be read; empty: they could
  uint32_t countedWorldSize = 0;  // in Instance::statedWorldSizes; 0: none
  bool hasModel = false;          // counted in RegistryTree::models()
  uint64_t modelSalt = 0;
  SessionId session = kNoSession;
  SessionId newestSession = kNoSession;  // in force or over; kNoSession: none since the start
  WorkerLink* link = nullptr;            // with session
  bool takesTokens = false;              // as it registered, see Registration; so is the next
  uint32_t pinSecondsMax = 0;
  Flow flow = Flow::kOpen;
  std::vector<std::string> droppedNoticed;  // locations of this session, see kDroppedNoticesMax
  // Steady clock: last message; of a LOST one when it was lost; of a recovered one the start.
  uint64_t lastHeardMs = 0;
  uint64_t lastSupersededMs = 0;  // steady clock; 0: never
  uint64_t lastSeenWallMs = 0;
  Load load = kLoadUnknown;  // as it stated in this session
  uint64_t loadMs = 0;       // steady clock: when
  std::deque<uint64_t> supersededRuns;
  uint32_t syncsWanted = 0;       // locations that need a full sync
  Ticket registrationTicket = 0;  // of the last registration
  std::vector<std::unique_ptr<Location>> locations;

  // nullptr if not declared.
  Location* find(std::string_view name) const;
  // A message of it came.
  void heard(const Clock& clock) {
    lastHeardMs = clock.steadyMs();
    lastSeenWallMs = clock.wallMs();
  }
};

// "instance 'a' worker 3", for errors and logs.
std::string describe(const Worker& worker);
// "\"gpu\", \"cpu\"", for errors.
std::string namesOfLocations(const Worker& worker);

struct Instance {
  uint32_t slot = 0;
  OwnerId owner = kNoOwner;
  InstanceRecord record;
  // Its lowest rank that is not LOST; where all are, its lowest rank: where the instance is
  // reached. Null only while it has none.
  const Worker* first = nullptr;
  std::map<uint32_t, std::unique_ptr<Worker>> workers;
  std::set<uint32_t> ranksPresent;  // of the workers that are not LOST
  // World sizes that ranks state which are not LOST, and how many do; see
  // core/registry/instance_ranks.h.
  std::map<uint32_t, uint32_t> statedWorldSizes;
  bool contradicts = false;        // ranksContradict(), kept
  bool contradictionSaid = false;  // that its ranks contradict each other
};

class RegistryTree {
 public:
  // Keeps both references.
  RegistryTree(ChunkIndex& index, const TicketLedger& ledger, std::string defaultModel);

  const std::map<std::string, std::unique_ptr<Instance>, std::less<>>& instances() const {
    return instances_;
  }
  Instance* findInstance(std::string_view instance) const;
  Worker* findWorker(std::string_view instance, uint32_t worker) const;
  // The next one behind it by instance and worker id; it need not be there. Without a worker: the
  // first one of the instance, or behind it. Null: there is none.
  Worker* workerBehind(std::string_view instance, std::optional<uint32_t> worker) const;
  // The worker whose session this is; nullptr if the session is not in force.
  Worker* bySession(SessionId session) const;
  // nullptr if it was forgotten.
  Location* byRef(LocationRef ref) const;
  const Instance* instanceBySlot(uint32_t slot) const { return instancesBySlot_[slot]; }
  size_t workers() const { return workers_; }
  size_t workers(WorkerState state) const { return workersByState_[static_cast<size_t>(state)]; }
  size_t workersLost() const { return workers(WorkerState::kLost); }
  size_t workersQuarantined() const { return workersQuarantined_; }
  size_t instancesContradicting() const { return instancesContradicting_; }
  size_t instancesDrained() const { return instancesDrained_; }
  // Locations that look-ups do not see: their worker is LOST, their instance drained, or they have
  // diverged.
  size_t locationsHidden() const { return locationsHidden_; }
  size_t locations() const { return locationsBySerial_.size(); }
  uint64_t locations(SyncState state) const { return syncCounts_.of(state); }

  // Adds without writing; the caller writes the records.
  Instance& addInstance(std::string_view instance, OwnerId owner);
  // `stored`: what the store remembers of it; null: it is new.
  Worker& addWorker(Instance& instance, uint32_t worker, OwnerId owner, const WorkerRecord* stored);
  // A holder, the smallest free location id; nullptr above kLocationNamesMax distinct names in use.
  Location* addLocation(Worker& worker, std::string_view name, const LocationRecord* stored);

  // Removal: the holder leaves look-ups at once and is retired as soon as the index takes it.
  void removeLocation(Location& location);
  void removeWorker(Worker& worker);  // and its instance with the last one
  // A new holder with no keys stands for the location; the old one is retired.
  void renewHolder(Location& location);
  // Begins, drops and makes live what stands for the building part; the caller keeps the records.
  Building& addBuilding(Location& location, const BuildingPart& part);
  void dropBuilding(Location& location);
  void switchToBuilding(Location& location);

  // The only way to change a worker's state; refreshVisibility() is to follow.
  void setState(Worker& worker, WorkerState state);
  // The only way to change how busy it says it is; loads age, see RegistrationController::tick.
  void setLoad(Worker& worker, Load load, uint64_t nowMs);
  // The only way to change whether look-ups name it; refreshVisibility() of its workers is to
  // follow.
  void setDrained(Instance& instance, bool drained);
  // The only way to change why its stored records could not be read; empty: they could.
  void setQuarantined(Worker& worker, std::string why);
  // Sets what look-ups may see of the worker's locations from its state and their hidden flags, and
  // of its instance from the world size that it states.
  void refreshVisibility(Worker& worker);

  void observeSessions(SessionObserver* observer) { observer_ = observer; }
  SessionId openSession(Worker& worker, WorkerLink& link);
  // Of all workers; to be kept with a connection when it is opened, for openedSince().
  SessionId newestSession() const { return nextSession_ - 1; }
  // Whether a connection was opened after the worker's newest registration was taken.
  // `newestAtOpening`: newestSession() when it was opened.
  bool openedSince(std::string_view instance, uint32_t worker, SessionId newestAtOpening) const;
  void closeSession(Worker& worker);
  // Closes it because another process registered as this worker.
  void supersedeSession(Worker& worker);
  // What a message of a session that bySession() does not know is answered with: register again,
  // or do not come back where another process took the worker over.
  Error sessionNotInForce(SessionId session) const;

  // Retires holders that waited for a sweep; see ChunkIndex::retire.
  void retireWaiting();

  const TicketLedger& ledger() const { return ledger_; }
  // A write up to `lastSeq` of the location was queued under this ticket.
  void wrote(Location& location, uint64_t lastSeq, Ticket ticket);
  // The location's numbering begins anew at `seq`, which the write with this ticket records.
  void restartNumbering(Location& location, uint64_t seq, Ticket ticket);
  // Last seq of the live part whose report is committed.
  uint64_t committedSeq(Location& location) const;

  // Something that the digests cover was changed by the caller: count, digest, lastSeq, or the live
  // part's incarnation or hidden flag. After the change.
  void changed(Location& location) {
    if (location.share.mark == 0) digests_.mark(location);
  }
  RegistryDigest contentDigest() const { return digests_.content(); }
  RegistryDigest stateDigest() const { return digests_.state(); }

  uint64_t memberships() const { return memberships_; }
  void changeMemberships(int64_t by) { memberships_ += static_cast<uint64_t>(by); }

  // Of all locations.
  uint64_t pins() const { return pinTotals_.pins; }
  const PinEnds& pinEnds() const { return pinTotals_.ends; }
  // Made where there are none yet: the caller pins something.
  LocationPins& pinsOf(Location& location) {
    if (location.pins == nullptr) {
      location.pins = std::make_unique<LocationPins>(pinTotals_, location.serial);
    }
    return *location.pins;
  }

  const HolderDirectory& directory() const { return directory_; }
  const LocationNames& locationNames() const { return locationNames_; }
  std::string_view locationName(uint16_t nameId) const { return locationNames_.name(nameId); }
  const std::string& defaultModel() const { return defaultModel_; }
  uint64_t salt(std::string_view model) const;
  // Models of the workers that are known, by salt.
  struct Model {
    std::string name;
    size_t workers = 0;
  };
  const std::map<uint64_t, Model>& models() const { return models_; }
  // The worker is of this model from now on; empty: the default one.
  void setModel(Worker& worker, std::string_view model);

  Counters& counters() { return counters_; }
  const Counters& counters() const { return counters_; }
  size_t waitingRetirements() const { return waitingRetirements_.size(); }
  size_t sessions() const { return sessions_.size(); }
  uint64_t heldBytes() const { return heldBudget_.bytes(); }
  // Of reports that wait for something before them.
  uint64_t heldOperations() const { return heldBudget_.operations(); }

 private:
  void discardHolder(HolderId holder);
  void renewHolder(Location& location, HolderId holder);
  void confirm(Location& location) const;
  void leaveModel(Worker& worker);
  void countState(const Worker& worker);
  void uncountState(const Worker& worker);
  void countWorldSize(Worker& worker, uint32_t stated);
  void refreshWorldSize(Instance& instance);
  void setContradicts(Instance& instance, bool contradicts);
  static void refreshFirst(Instance& instance);
  void countHidden(Location& location, bool hidden);

  ChunkIndex& index_;
  const TicketLedger& ledger_;
  const std::string defaultModel_;
  // These outlive the locations.
  HeldBudget heldBudget_;
  PinTotals pinTotals_;
  SyncCounts syncCounts_;
  std::map<std::string, std::unique_ptr<Instance>, std::less<>> instances_;
  std::vector<Instance*> instancesBySlot_;
  std::vector<uint32_t> freeInstanceSlots_;
  size_t workers_ = 0;
  std::array<size_t, kWorkerStates> workersByState_{};
  size_t workersQuarantined_ = 0;
  size_t instancesContradicting_ = 0;
  size_t instancesDrained_ = 0;
  size_t locationsHidden_ = 0;
  std::map<uint64_t, Model> models_;
  std::unordered_map<SessionId, Worker*> sessions_;
  SessionId nextSession_ = 1;
  std::deque<SessionId> supersededSessions_;  // the newest kSupersededSessionsMax
  std::unordered_map<uint64_t, Location*> locationsBySerial_;
  uint64_t nextSerial_ = 1;
  LocationNames locationNames_;
  mutable KeptDigests digests_;  // hashed when asked for
  HolderDirectory directory_;
  std::deque<HolderId> waitingRetirements_;
  SessionObserver* observer_ = nullptr;
  uint64_t memberships_ = 0;
  Counters counters_;
};

}  // namespace holdfast
