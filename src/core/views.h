// What a controller answers to whoever asks: values that own all they hold. Names of states and
// reasons are texts, since a newer controller may have some that this program does not know.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/labels.h"
#include "core/types.h"

namespace holdfast {

// Where an instance is reached and what it says of itself: of its lowest rank that is not LOST;
// where all are, of its lowest rank.
struct Endpoint {
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;
  Labels labels;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// How busy, as a worker states it: 0 idle, 1 saturated, above it requests queue up. Nothing: it
// states nothing, or has not for the heartbeat time-out.
using StatedLoad = std::optional<double>;

// schema/messages.capnp: ReplicaInfo says what each is.
struct ReplicaStatus {
  // "alone", "bootstrapping", "follower", "candidate", "leader", "cutOff"
  std::string role = "alone";
  uint64_t epoch = 0;
  uint64_t index = 0;
  uint64_t ageMs = 0;
  uint64_t lag = 0;
  std::string leader;
  std::string log;

  // Whether it has the workers, and knows what only who has them knows.
  bool leads() const { return role == "alone" || role == "leader"; }
};

// One instance's answer to a look-up.
struct InstanceLayout {
  std::string instance;
  std::string location;     // that holds most of the matched chunks
  uint64_t matchedEnd = 0;  // tokens of the longest prefix that one rank holds
  uint64_t allRanksEnd = 0;
  uint32_t matchedChunks = 0;
  uint32_t allRanksChunks = 0;
  uint64_t pinnedEnd = 0;  // with pins: tokens of it, from the first, that are pinned on that rank
  uint32_t pinnedChunks = 0;
  bool unconfirmed = false;  // recovered after a restart, the worker has not registered yet
  std::vector<std::pair<std::string, uint32_t>> hits;  // location, chunks: most first
  StatedLoad load;                                     // the highest that ranks state
  Endpoint endpoint;  // empty where it states nothing, or was not asked for
};

struct LookupAnswer {
  std::vector<InstanceLayout> layouts;  // best first; empty: `miss` and `message` say why
  uint32_t leftOut = 0;                 // instances that are not listed, for a limit
  std::string miss;                     // "none", "notHeld", "hidden", ...: the schema's names
  std::string message;                  // for people, with names and numbers
  // Of a miss: holders of the first chunk that are not named.
  uint32_t hiddenDrained = 0;
  uint32_t hiddenLost = 0;
  uint32_t hiddenDiverged = 0;
  // Who answered, in its group of controllers; ReplicaStatus says what each is.
  std::string role = "alone";
  uint64_t epoch = 0;
  uint64_t index = 0;
  uint64_t ageMs = 0;
};

// One rank of an instance.
struct RankView {
  uint32_t worker = 0;
  std::string state;  // "active", "lost", "recovered"
  bool quarantined = false;
  uint32_t locations = 0;
  uint32_t locationsInSync = 0;
  uint32_t locationsHidden = 0;  // kept, but not looked up: diverged
  uint64_t memberships = 0;      // (location, chunk) that it holds
  StatedLoad load;
};

// schema/messages.capnp: InstanceInfo says what each is.
struct InstanceView {
  std::string instance;
  std::string model;
  uint32_t worldSize = 0;
  bool drained = false;
  std::string hidden;  // "no", "drained", "lost", "diverged": why look-ups do not name it
  Endpoint endpoint;
  StatedLoad load;
  uint64_t createdWallMs = 0;
  std::vector<RankView> ranks;
  std::string contradiction;
  std::string missingRanks;
};

// A worker that another one can fetch chunks from.
struct PeerView {
  std::string instance;
  std::string location;  // of most of those chunks
  uint32_t chunks = 0;
  std::string peerUrl;
};

struct LocationView {
  std::string name;
  std::string sync;    // "inSync", "caughtUp", "diverged", ...: the schema's names
  std::string reason;  // "equal", "behind", ...
  uint64_t incarnation = 0;
  uint64_t lastSeq = 0;
  uint64_t committedSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
  bool hidden = false;
  uint64_t journalOperations = 0;
};

struct WorkerView {
  std::string instance;
  uint32_t worker = 0;
  std::string ip;
  uint32_t port = 0;
  std::string peerUrl;
  std::string model;
  std::string state;               // "active", "lost", "recovered"
  uint64_t registeredWallMs = 0;   // ms since 1970-01-01 UTC
  uint64_t lastMessageWallMs = 0;  // of the last message of any kind
  uint64_t run = 0;
  uint64_t attempt = 0;
  std::string quarantined;  // why its stored records could not be read; empty: they could
  bool drained = false;     // look-ups do not name its instance
  Labels labels;
  StatedLoad load;
  std::vector<LocationView> locations;
};

struct DivergedView {
  std::string instance;
  uint32_t worker = 0;
  LocationView location;
};

// schema/messages.capnp: StatusRetMsg says what each is.
struct ControllerStatus {
  std::string version;
  std::string clusterId;
  uint64_t uptimeMs = 0;
  uint64_t instances = 0;
  uint64_t instancesDrained = 0;
  uint64_t workersActive = 0;
  uint64_t workersLost = 0;
  uint64_t workersRecovered = 0;
  uint64_t workersQuarantined = 0;
  uint64_t locations = 0;
  uint64_t locationsInSync = 0;
  uint64_t locationsCaughtUp = 0;
  uint64_t locationsReplaying = 0;
  uint64_t locationsDiverged = 0;
  uint64_t locationsSyncing = 0;
  uint64_t locationsHidden = 0;
  uint64_t fullSyncsRunning = 0;
  uint64_t fullSyncsQueued = 0;
  uint64_t chunks = 0;
  uint64_t memberships = 0;
  uint64_t indexBytes = 0;
  uint64_t residentBytes = 0;
  uint64_t diskBytes = 0;
  bool storeWritable = false;
  std::string storeReason;
  uint64_t storeQueueBytes = 0;
  std::string contentDigest;
  std::string registryDigest;
  bool committed = false;
  std::vector<std::pair<std::string, uint64_t>> counters;
  uint64_t lookupCount = 0;  // latencies inside the daemon, microseconds
  uint64_t lookupP50Us = 0;
  uint64_t lookupP99Us = 0;
  uint64_t lookupP999Us = 0;
  uint64_t lookupMaxUs = 0;
  uint64_t lookupWindowP99Us = 0;  // since the last reset
  uint64_t lookupWindowMaxUs = 0;
  uint64_t recoveryMs = 0;
  uint64_t recoveredInstances = 0;
  uint64_t recoveredWorkers = 0;
  uint64_t recoveredChunks = 0;
  uint64_t connections = 0;
  ReplicaStatus replica;
  std::string auth;  // who needs a token: "off", "tokens" or "local", as StatusRetMsg has it
};

}  // namespace holdfast
