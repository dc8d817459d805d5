// The messages between workers and controller, as plain values. Their wire form is
// schema/messages.capnp, where every field's unit and range stand; src/wire translates.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/decisions.h"
#include "core/engine_source.h"
#include "core/hash_settings.h"
#include "core/labels.h"
#include "core/source_position.h"
#include "core/ticket.h"
#include "core/types.h"

namespace holdfast {

// A registration of a worker that is in force, or was. Never reused; 0 is no session.
using SessionId = uint64_t;
inline constexpr SessionId kNoSession = 0;

struct LocationStatement {
  std::string location;
  uint64_t incarnation = 0;
  bool beganEmpty = false;
  uint64_t lastSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  uint64_t replayableFrom = 1;
  uint64_t syncId = 0;  // of the full sync of this location under way; 0: none

  friend bool operator==(const LocationStatement&, const LocationStatement&) = default;
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
  Labels labels = {};
  // What gateways say of workers on other wires, whose orders know less than ours: they name chunks
  // by the tokens of the prompt; and the worker ends each pin so long after it was made, whatever
  // it was asked (0: it does not).
  bool takesTokens = false;
  uint32_t pinSecondsMax = 0;
  // It came over a connection that was opened after this worker's newest registration was taken, so
  // it is newer than that one. The transport says so, not the worker.
  bool onLaterConnection = false;
  // Of gateways only: the engine whose event stream is read; and that whoever registers knows of
  // the worker what is held here and no more, so that what is held goes on as it is, whatever the
  // statements say beyond the names of locations.
  std::optional<EngineSource> source = {};
  bool resumes = false;

  friend bool operator==(const Registration&, const Registration&) = default;
};

struct LocationDecision {
  std::string location;
  DecisionKind kind = DecisionKind::kInSync;
  Reason reason = Reason::kNone;
  uint64_t nextSeq = 1;

  friend bool operator==(const LocationDecision&, const LocationDecision&) = default;
};

struct RegisterOutcome {
  SessionId session = kNoSession;
  std::vector<LocationDecision> decisions;
  Ticket ticket = 0;  // answer the worker when this is committed
};

// What the worker is told.
struct RegistrationAnswer {
  std::vector<LocationDecision> decisions;
  HashSettings hashing;                // the controller's
  std::optional<uint64_t> hashSample;  // what it hashes the tokens 0 to chunkSize - 1 to
  uint32_t heartbeatIntervalMs = 0;
  uint32_t heartbeatTimeoutMs = 0;

  friend bool operator==(const RegistrationAnswer&, const RegistrationAnswer&) = default;
};

struct CommittedSeq {
  std::string location;
  uint64_t incarnation = 0;
  uint64_t seq = 0;

  friend bool operator==(const CommittedSeq&, const CommittedSeq&) = default;
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

  friend bool operator==(const FullSyncStart&, const FullSyncStart&) = default;
};

struct FullSyncStartOutcome {
  bool accepted = false;
  std::string error;              // why not
  std::vector<uint32_t> missing;  // batches not stored yet
  Ticket ticket = 0;              // answer the worker when this is committed

  friend bool operator==(const FullSyncStartOutcome&, const FullSyncStartOutcome&) = default;
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

  friend bool operator==(const FullSyncEnd&, const FullSyncEnd&) = default;
};

// FullSyncStatusMsg: how far is it?
struct FullSyncPoll {
  std::string location;
  uint64_t incarnation = 0;
  uint64_t syncId = 0;

  friend bool operator==(const FullSyncPoll&, const FullSyncPoll&) = default;
};

struct FullSyncStatus {
  bool known = false;             // false: no such sync (any more)
  bool complete = false;          // switched, and the switch is on stable storage
  double globalProgress = 1;      // workers without a sync to do, of the ACTIVE ones
  bool canExitFreeze = true;      // globalProgress has reached the threshold
  std::vector<uint32_t> missing;  // batches not stored yet

  friend bool operator==(const FullSyncStatus&, const FullSyncStatus&) = default;
};

// BatchedKVOperationMsg. Does not own.
struct Report {
  std::string_view location;
  uint64_t incarnation = 0;
  uint64_t firstSeq = 0;
  Operations operations;
  // Of an event stream: with these operations the registry has all up to there.
  std::optional<SourcePosition> position = {};
};

// The location holds nothing any more, whatever it held: an operation like any other, numbered in
// order. It needs nothing of what is before it, and mends whatever is wrong.
struct Clear {
  std::string_view location;
  uint64_t incarnation = 0;
  uint64_t seq = 0;
  std::optional<SourcePosition> position = {};  // as a report's
};

// What a location of a worker that keeps nothing to send again has missed. Only gateways of other
// wires say this: a worker of ours is asked for it.
struct OperationsLost {
  std::string_view location;
  uint64_t incarnation = 0;
  uint64_t nextSeq = 0;  // that of the next report; what is missing lies before it
  // Of the content from now on, so that no later statement under the former one equals it.
  uint64_t newIncarnation = 0;
  bool hide = false;      // what is held leaves look-ups
  bool fullSync = false;  // the worker can make one
};

enum class ReportOutcome : uint8_t {
  kApplied,
  kRetransmission,  // wholly before the expected seq: ignored
  kDropped,         // location not declared, another incarnation, or session not in force
  kHeld,            // starts after the expected seq: kept until what is missing has come
  kGap,             // starts after the expected seq and is dropped: a repair is under way
  kRefused,         // the store cannot take it: dropped, the worker is paused
};

}  // namespace holdfast
