// The messages of the interface document that core takes and gives, as plain values. Their wire
// form is schema/messages.capnp, where every field's unit and range stand; rpc translates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/cache_operations.h"
#include "core/records.h"
#include "core/registry_store.h"
#include "core/types.h"

namespace holdfast {

// A registration of a worker that is in force, or was. Never reused; 0 is no session.
using SessionId = uint64_t;
inline constexpr SessionId kNoSession = 0;

enum class SyncState : uint8_t {
  kInSync,     // incarnation, seq, count and digest were compared equal
  kCaughtUp,   // nothing known to be missing, not compared since
  kDiverged,   // needs a repair
  kReplaying,  // the worker was asked to send again what is missing
  kSyncing,    // a full sync is under way
};

// As in schema/types.capnp, same order.
enum class Reason : uint8_t {
  kNone,
  kEqual,
  kContentDiffers,
  kBehind,
  kGapTooOld,
  kWorkerRolledBack,
  kUnknownEmpty,
  kUnknownReplay,
  kUnknown,
  kAdopted,
  kRestartedEmpty,
  kRestarted,
  kLiveGap,
  kQuarantined,
  kRefused,
  kNotStated,
  kHeldOverflow,
  kReplayTimedOut,
  kForced,
  kLegacy,
  kSyncContinues,
  kRenumbered,
  kModelChanged,
  kRunRepeated,
};
inline constexpr size_t kReasons = 24;
std::string_view reasonName(Reason reason);           // "content differs", for people
std::string_view syncStateName(SyncState state);      // "in sync"
std::string_view workerStateName(WorkerState state);  // "ACTIVE"

struct LocationStatement {
  std::string location;
  uint64_t incarnation = 0;
  bool beganEmpty = false;
  uint64_t lastSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  uint64_t replayableFrom = 1;
  uint64_t syncId = 0;  // of the full sync of this location under way; 0: none
};

struct Registration {
  std::string instance;
  uint32_t worker = 0;
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;
  std::string model;
  uint32_t worldSize = 0;
  uint64_t run = 0;
  uint64_t attempt = 0;
  std::vector<LocationStatement> locations;
  // It came over a connection that was opened after this worker's newest registration was taken:
  // it cannot have been overtaken by that one. The transport says so, not the worker.
  bool onLaterConnection = false;
};

enum class DecisionKind : uint8_t { kInSync, kReplay, kDiverged, kSyncing };

struct LocationDecision {
  std::string location;
  DecisionKind kind = DecisionKind::kInSync;
  Reason reason = Reason::kNone;
  uint64_t nextSeq = 1;
};

struct RegisterOutcome {
  SessionId session = kNoSession;
  std::vector<LocationDecision> decisions;
  Ticket ticket = 0;  // answer the worker when this is committed
};

struct CommittedSeq {
  std::string location;
  uint64_t incarnation = 0;
  uint64_t seq = 0;
};

struct HeartbeatOutcome {
  std::vector<CommittedSeq> committed;
  std::vector<LocationDecision> decisions;
  // Of legacy clients: (location, reason) of the full syncs that they are to begin.
  std::vector<std::pair<std::string, Reason>> commands;
};

struct FullSyncStart {
  std::string location;
  uint64_t incarnation = 0;
  uint64_t syncId = 0;
  uint64_t totalKeys = 0;
  uint32_t batchCount = 0;
  uint64_t baseSeq = 0;
  KeyDigest digest;
  uint64_t lastSeq = 0;
};

struct FullSyncStartOutcome {
  bool accepted = false;
  std::string error;              // why not
  std::vector<uint32_t> missing;  // batches not stored yet
  Ticket ticket = 0;              // answer the worker when this is committed
};

// Does not own.
struct FullSyncBatch {
  std::string_view location;
  uint64_t incarnation = 0;
  uint64_t syncId = 0;
  uint32_t number = 0;
  std::span<const ChunkHash> keys;
};

struct FullSyncEnd {
  std::string location;
  uint64_t incarnation = 0;
  uint64_t syncId = 0;
  uint64_t actualTotalKeys = 0;
};

struct FullSyncStatus {
  bool known = false;             // false: no such sync (any more)
  bool complete = false;          // switched, and the switch is on stable storage
  double globalProgress = 1;      // workers without a sync to do, of the ACTIVE ones
  bool canExitFreeze = true;      // globalProgress has reached the threshold
  std::vector<uint32_t> missing;  // batches not stored yet
};

// BatchedKVOperationMsg. Does not own.
struct Report {
  std::string_view location;
  uint64_t incarnation = 0;
  uint64_t firstSeq = 0;
  Operations operations;
};

enum class ReportOutcome : uint8_t {
  kApplied,
  kRetransmission,  // wholly before the expected seq: ignored
  kDropped,         // location not declared, another incarnation, or session not in force
  kHeld,            // starts after the expected seq: kept until what is missing has come
  kGap,             // starts after the expected seq and is dropped: a repair is under way
  kRefused,         // the store cannot take it: dropped, the worker is paused
};

// One instance's answer to a look-up, in chunks; rpc turns chunks into tokens.
struct LookupMatch {
  std::string_view instance;  // valid until the next change of the registry
  std::string_view location;
  uint32_t chunks = 0;
  uint32_t allRanksChunks = 0;
  uint32_t pinnedChunks = 0;  // of the best rank, from the first on; where that was asked for
  bool unconfirmed = false;
  std::vector<std::pair<std::string_view, uint32_t>> hits;
};

struct PeerMatch {
  std::string_view instance;
  std::string_view location;
  uint32_t chunks = 0;
  std::string_view peerUrl;
};

// The controller's way to a worker, given at registration; the transport seam. Calls neither block
// nor fail; they may be lost with the connection.
class WorkerLink {
 public:
  virtual ~WorkerLink() = default;
  // Stop reporting until resume(); what was on its way is not applied.
  virtual void pause(const std::string& reason) = 0;
  // Register again on this connection.
  virtual void resume() = 0;
  // Report the operations `from` to `to` of this incarnation again. A worker that cannot says so
  // through KvController::replayRefused.
  virtual void replay(const std::string& location, uint64_t incarnation, uint64_t from,
                      uint64_t to) = 0;
  // Begin a full sync of the location; continueSyncId not 0: go on with that one.
  virtual void startFullSync(const std::string& location, Reason reason,
                             uint64_t continueSyncId) = 0;
  // Do something with the cache, or say what became of it; the answer is an input of whoever asked.
  virtual void operate(const WorkerOperation& operation) = 0;
  // Another process registered as this worker; the session is over.
  virtual void superseded(const std::string& reason) = 0;
  // The controller gave the session up (silent for too long, forgotten, or a capture begins); the
  // worker may register again. Nobody else on its connection is concerned.
  virtual void closed(const std::string& reason) = 0;
};

struct Worker;

// Told when workers come and go, after the tree has changed; must not change it.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void sessionOpened(const Worker& worker) = 0;
  virtual void sessionClosed(const Worker& worker) = 0;
  // Its state was dropped; about to be destroyed.
  virtual void workerForgotten(const Worker& worker) = 0;
};

// What people read in logs; core itself writes none.
class EventSink {
 public:
  enum class Level : uint8_t { kInfo, kWarning };
  virtual ~EventSink() = default;
  virtual void event(Level level, const std::string& text) = 0;
};

struct Counters {
  uint64_t registrations = 0;
  uint64_t supersessions = 0;
  uint64_t deregistrations = 0;
  uint64_t heartbeats = 0;
  uint64_t workersLost = 0;
  uint64_t workersExpired = 0;
  uint64_t workersMadeRoom = 0;  // LOST, forgotten for another one
  uint64_t reports = 0;
  uint64_t operations = 0;  // applied
  uint64_t reportsRetransmitted = 0;
  uint64_t reportsDropped = 0;           // those of the next two, and of sessions that are over
  uint64_t reportsNotStated = 0;         // for a location that the worker did not state
  uint64_t reportsOtherIncarnation = 0;  // than the worker stated
  uint64_t reportsHeld = 0;
  uint64_t reportsGap = 0;
  uint64_t reportsRefused = 0;
  uint64_t lookups = 0;
  uint64_t p2pLookups = 0;
  uint64_t replays = 0;             // asked for
  uint64_t replayedOperations = 0;  // that filled gaps
  uint64_t replaysFailed = 0;       // refused, or not come in time
  uint64_t fullSyncsAsked = 0;
  uint64_t fullSyncsStarted = 0;
  uint64_t fullSyncsResumed = 0;
  uint64_t fullSyncsCompleted = 0;
  uint64_t fullSyncsFailed = 0;
  uint64_t fullSyncsAbandoned = 0;
  uint64_t resyncedKeys = 0;  // stored by batches, each counted once
  uint64_t foldsStarted = 0;
  uint64_t foldsCommitted = 0;
  uint64_t foldsAbandoned = 0;
  uint64_t decisions[kReasons] = {};  // of the resume policy, by reason
};
// Each with its name, for people and programs.
std::vector<std::pair<std::string, uint64_t>> named(const Counters& counters);

}  // namespace holdfast
