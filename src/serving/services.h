// What the interfaces' implementations share: the registry and what a daemon knows of itself.
#pragma once

#include <kj/async.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "access/access_control.h"
#include "core/controller.h"
#include "core/limits.h"
#include "core/notice_sink.h"
#include "core/replica_view.h"
#include "core/result.h"
#include "core/source_table.h"
#include "core/store_statistics.h"
#include "hashing/hash_doctor.h"
#include "net/address_counts.h"
#include "net/connection_ends.h"
#include "net/door_limits.h"
#include "net/held_bytes.h"
#include "net/limited_warnings.h"
#include "net/loop_turns.h"
#include "net/read_budget.h"
#include "net/tls.h"
#include "net/turn_pacer.h"
#include "serving/audit.h"
#include "serving/call_queue.h"
#include "serving/commit_waiters.h"
#include "serving/event_waiters.h"
#include "serving/hash_refusals.h"
#include "serving/latency_histogram.h"
#include "serving/measurements.h"
#include "serving/store_copy.h"
#include "tokens/token_hasher.h"

namespace holdfast {

struct ServerOptions {
  HashSettings hashing;  // must be valid
  uint32_t heartbeatIntervalMs = 5'000;
  uint32_t heartbeatTimeoutMs = 30'000;  // as the registry's
  size_t connectionsMax = kConnectionsMaxDefault;
  // Of a connection from the network, from when it was accepted; then it is closed.
  uint32_t authenticationMs = 5'000;
  size_t connectionsPerAddress = kConnectionsPerAddressDefault;
  // Of what peers make the controller hold (net/held_bytes.h): bytes of one connection and of all.
  size_t heldByOneMax = kHeldByOnePeerBytesMax;
  size_t heldByAllMax = kHeldByPeersBytesDefault;
  uint32_t handshakeTimeoutMs = 5'000;  // of TLS, from the peer's first byte
  const ServerTls* tls = nullptr;  // of IP listeners; outlives the server; null: they are plain
  // Between two pieces of what comes in crowds (turn_pacer.h).
  uint32_t crowdIntervalUs = 1'000;
  bool metricsOfInstances = false;  // scrapes show numbers of each instance
  bool metricsOfLmcache = false;    // and LMCache's own metrics
};

// What became of a backup.
struct BackupOutcome {
  std::optional<Error> error;
  std::string path;
  uint64_t bytes = 0;
  uint64_t sequence = 0;
};

// What is beyond the registry; filled by whoever runs the server.
struct ProcessFacts {
  std::string version;
  std::string clusterId;
  uint64_t recoveryMs = 0;
  RecoveryReport recovery;
  // Asked for each status; must not block. May be empty.
  std::function<uint64_t()> uptimeMs;
  std::function<uint64_t()> residentBytes;
  std::function<uint64_t()> diskBytes;
  std::function<uint64_t()> storeQueueBytes;
  // The same for each scrape.
  std::function<StoreStatistics()> store = {};
  std::function<size_t()> httpConnections = {};  // open now, counted in Services::connections, too
  std::function<uint64_t()> captureBytes = {};   // written to capture logs since the start
  // Begins or ends a log of the inputs: the folder it is in, or an exception of wireError(). May be
  // empty: there are none.
  std::function<kj::Promise<std::string>(const std::string& directory, bool redact)> captureOn;
  std::function<Result<std::string>()> captureOff;
  // Copies the store, as it is once all that was queued is committed. Must not block; `done` is
  // called later, on the loop's thread, unless there is an error at once. May be empty.
  std::function<std::optional<Error>(const std::string& path,
                                     std::function<void(const BackupOutcome&)> done)>
      backup;
  // Gives a copy of the store to another controller. May be empty.
  GiveCopy copy = {};
  // Sets what the log tells, "debug" to "error"; an empty level only asks. The level in force then,
  // or kInvalid. May be empty: there is no log.
  std::function<Result<std::string>(std::string_view level)> logLevel = {};
  // What was learned of how engines hash; outlives the server. May be null: nothing is.
  const HashDoctor* hashing = nullptr;
  // Engines whose KV events are read; outlives the server. Null: there can be none.
  SourceTable* engines = nullptr;
  // Its place in a group of controllers; outlives the server. Null: it is alone.
  GroupMember* group = nullptr;
};

// References outlive the server.
struct Services {
  const ServerOptions options;
  const ProcessFacts facts;
  Controller& controller;
  const Registry& registry;  // its own, as is the executor
  const Executor& executor;
  RegistryStore& store;
  NoticeSink& notices;
  AccessControl& access;
  GroupMember& group;
  LoopTurns& turns;
  CommitWaiters waiters;
  EventWaiters eventWaiters;
  TurnPacer crowd;    // registrations, and ends of connections that have workers
  ReadBudget budget;  // of workers' connections
  TokenHasher hasher;
  const uint64_t hashSample;         // see schema/types.capnp
  PromptLookup lookup;               // of calls that are over within a turn
  size_t longCallBytes = 0;          // of messages of calls that are not
  CallQueue queries{longCallBytes};  // whose answers are not (long_answer.h)
  LatencyHistogram lookups;          // since the start; nanoseconds
  LatencyHistogram lookupWindow;     // since an operator began a window
  size_t connections = 0;            // open now
  LimitedWarnings warnings;          // that peers can cause
  Audit audit;                       // also counts who was refused
  HashRefusals hashRefusals = {};
  uint64_t lookupsAsked = 0;  // without an event id
  HeldBytes held;             // by the peers of both doors
  AddressCounts addresses;    // likewise
  ConnectionEnds ends;        // likewise, since the start
  Measurements measured = {};
};

}  // namespace holdfast
