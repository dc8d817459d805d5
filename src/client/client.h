// The library that an engine's worker links: tells the controller which chunks the worker holds.
//
//   ClientThread thread;
//   auto created = Client::create(thread, {.controller = "127.0.0.1:7440",
//                                          .instance = "llama-0",
//                                          .worker = 0,
//                                          .locations = {{.name = "gpu"}, {.name = "cpu"}}});
//   if (!created.ok()) return complain(created.error().message);
//   Client& client = *created.value();
//   client.admit(client.location("gpu"), hashes);
//
// The client connects, registers, reports and reconnects by itself until it is destroyed, leaves,
// is superseded or is refused. Nothing that the controller or the network does blocks or fails a
// call of the engine.
//
// Every call may be made from any thread, at the same time as any other, until the destructor
// begins. Those that wait (flush, leave, p2pLookup with a time-out) and the destructor must not be
// called on the client's thread, that is from its callbacks. After fork() the child's copy is dead:
// its state is kForked, and every call returns at once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "client/client_thread.h"
#include "client/operation_handler.h"
#include "client/security.h"
#include "core/decisions.h"
#include "core/result.h"
#include "core/types.h"
#include "core/views.h"

namespace holdfast {

class ReportGate;  // report_gate.h

struct ClientLocation {
  std::string name = {};                 // 1 to 128 bytes of UTF-8, each name once
  std::vector<ChunkHash> contents = {};  // what it holds at start (a disk tier that survived)
};

// How the worker hashes tokens, where it wants the controller to check that.
struct ClientHashing {
  uint32_t chunkSize = 256;  // tokens, at least 1
  // "builtin", "sha256_cbor"; as LMCache up to 0.3.15 has it: "builtin_none", "sha256_cbor_64bit".
  std::string algorithm = "builtin";
  uint64_t noneHash = 0;
  bool saveUnfullChunk = false;
};

struct ClientOptions {
  // "HOST:PORT" or "unix:PATH", or a list of 1 to 16 of them, separated by commas: the controllers
  // of a group. The client finds the one that leads, and the next one when that is gone. It
  // connects to no address that is not in the list, whatever a controller says, so that token and
  // reports go only there.
  std::string controller = "127.0.0.1:7440";
  ClientSecurity security = {};  // a token of the role worker, TLS
  std::string instance = {};     // 1 to 256 bytes of UTF-8
  uint32_t worker = 0;           // rank, from 0, below worldSize
  // Where the engine itself is reached: told to whoever asks for the instance at an ip, or for an
  // instance's workers, and used for nothing else. Empty and 0: not said. At most 64 bytes.
  std::string ip = {};
  uint16_t port = 0;
  std::string peerUrl = {};  // where other workers connect; empty: this one offers no transfers
  std::string model = {};    // empty: the controller's default
  // What routers get back with every answer that names the instance, if this is its lowest rank
  // that is there: at most 16, and 1,024 bytes in all; see core/labels.h for what keys may be.
  Labels labels = {};
  uint32_t worldSize = 0;  // ranks of the instance; 0: unknown
  std::optional<ClientHashing> hashing = {};
  std::vector<ClientLocation> locations = {};  // 1 to 64

  // A report is sent when this many operations of a location wait, or the oldest waits this long.
  size_t batchOperations = 2'000;  // 1 to 65,536
  uint32_t batchDelayMs = 5;
  // Operations of one location not yet sent, 1 to 4,294,967,295; 9 to 18 bytes each. One more, and
  // the numbering of that location starts anew (`losses` counts): the controller must then take its
  // content by a full sync.
  size_t queueOperations = 1'000'000;
  // Operations of one location kept after sending, for a controller that lost a tail of them; 1 to
  // 4,294,967,295. No more are sent ahead of its confirmations, so that its crash alone never
  // diverges a location.
  size_t ringOperations = 65'536;
  // Reconnection, for each address: doubles from min to max, each wait drawn from its upper half.
  // The maximum is also kept below the heartbeat time-out that the controller names.
  uint32_t backoffMinMs = 50;
  uint32_t backoffMaxMs = 5'000;
  uint32_t callTimeoutMs = 10'000;  // connecting, registering: then the attempt has failed
  // A machine that does not acknowledge what was sent to it for so long, or answers no question of
  // the system after as much silence, is gone: the connection ends. 0: as the system has it, which
  // is minutes. Nothing: 1,000 where there are several controllers, else 0.
  std::optional<uint32_t> peerTimeoutMs = {};
  size_t syncBatchKeys = 1'024;  // 1 to 65,536; of one batch of a full sync

  // What the controller may ask the engine to do with its cache; null: nothing. At most so many at
  // a time, in the order they were asked for.
  std::shared_ptr<OperationHandler> operations = {};
  size_t operationsAtOnce = 16;  // 1 to 1,024

  // For engines that want to keep their caches as they are during a full sync; correctness needs no
  // such thing. Called with true when the controller asks for a full sync, before its keys are
  // copied, and with false as soon as the controller allows it (enough workers are in sync) or the
  // sync has ended, for whatever reason, a lost connection included; a sync that goes on after that
  // does not freeze again. In turns for each location, on the client's thread, under the rules of
  // Client::StateCallback.
  std::function<void(std::string_view location, bool freeze)> onFreeze = {};
  // For tests and simulations: what becomes of reports on their way. See report_gate.h. Null: all
  // are sent as they are.
  std::shared_ptr<ReportGate> reportGate = nullptr;
  // What the client has to say: why it cannot reach the controller, once for each new reason, that
  // it has registered, why it stopped. Null: nothing is said.
  ClientLog onLog = {};

  // kInvalid, with what is wrong as a sentence; nothing if all is valid.
  std::optional<Error> validate() const;
};

enum class ClientState : uint8_t {
  kConnecting,  // no session: operations queue up; lastError() says why
  kRegistered,
  kPaused,      // registered, the controller asked to hold reports of some location back
  kSuperseded,  // for good: another process registered as this worker
  kRefused,     // for good: no controller of the list takes these settings, ids or this token
  kLeft,        // for good: leave()
  kForked,      // this is a child's copy of its parent's client
};
std::string_view clientStateName(ClientState state);

// Since construction. A snapshot: each number is exact, together they may be a moment apart.
struct ClientCounters {
  uint64_t connections = 0;          // established
  uint64_t registrations = 0;        // answered
  uint64_t reconnects = 0;           // registrations on a connection other than the first
  uint64_t registrationsInSync = 0;  // that found every location in sync: nothing had to be sent
  // Locations' decisions at registrations.
  uint64_t decisionsInSync = 0;
  uint64_t decisionsReplay = 0;
  uint64_t decisionsDiverged = 0;
  uint64_t decisionsSyncing = 0;
  std::array<uint64_t, kReasons> decisionsByReason{};
  uint64_t pauses = 0;
  uint64_t operationsAccepted = 0;  // by admit and evict; a clear is one, too
  uint64_t clears = 0;
  uint64_t operationsMoot = 0;  // never reported: they waited when a clear came
  uint64_t operationsSent = 0;
  // Of those, sent with a seq that the controller had named as its own before, in the answer to a
  // registration or by confirming it. Stays 0 unless the controller lost what it had confirmed.
  uint64_t operationsResent = 0;
  uint64_t operationsLost = 0;  // never reported one by one: the queue was, or had been, full
  uint64_t losses = 0;          // how often a location's numbering started anew for that
  uint64_t reports = 0;
  uint64_t heartbeats = 0;  // answered
  // What the controller asked for meanwhile.
  uint64_t replays = 0;             // of ranges of operations
  uint64_t replaysRefused = 0;      // of those: what was asked for could not be sent any more
  uint64_t replayedOperations = 0;  // of operationsSent
  uint64_t fullSyncs = 0;           // begun
  uint64_t fullSyncsCompleted = 0;
  uint64_t fullSyncBatches = 0;  // sent, again too
  uint64_t fullSyncKeys = 0;     // in those

  uint64_t keysResent() const { return operationsResent + fullSyncKeys; }
};

// Of one location, for people and tests.
struct ClientLocationStatus {
  std::string name = {};
  uint64_t incarnation = 0;
  uint64_t lastSeq = 0;       // numbered and sent, on this session or an earlier one
  uint64_t committedSeq = 0;  // confirmed by the controller
  uint64_t queued = 0;        // operations not yet numbered
  uint64_t count = 0;         // distinct keys as of lastSeq
  KeyDigest digest = {};      // of those
  bool decided = false;       // whether a controller ever decided; then its last decision:
  DecisionKind decision = DecisionKind::kInSync;
  Reason reason = Reason::kNone;
  uint64_t syncId = 0;  // of the full sync under way; 0: none
  // Why the controller refused the last start of one; empty: it did not.
  std::string syncRefusal = {};
};

// How a call that waits has ended. Converts to whether it was done.
struct ClientOutcome {
  bool done = false;
  std::string why = {};  // it was not, as a sentence; empty if it was
  explicit operator bool() const { return done; }
};

// Index into ClientOptions::locations.
enum class LocationHandle : uint32_t {};

struct ClientShared;  // client_shared.h

class Client {
 public:
  // Called on the client's thread, in order; must not block, nor call back anything of this client
  // that does (flush, leave, p2pLookup, the destructor). `reason` is for people, may be empty.
  using StateCallback = std::function<void(ClientState state, const std::string& reason)>;

  // Starts connecting at once; `thread` must outlive it. An error where the options are not valid.
  static Result<std::unique_ptr<Client>> create(ClientThread& thread, ClientOptions options,
                                                StateCallback onState = {});
  // For options that validate() has passed: ends the process for any others.
  Client(ClientThread& thread, ClientOptions options, StateCallback onState = {});
  // Closes the connection without a word (the controller will call the worker LOST) and drops what
  // was not sent. For an orderly end: flush(), leave().
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // For a name that stands in the options: ends the process for any other, since admit and evict,
  // which return at once, could not say so.
  LocationHandle location(std::string_view name) const;
  // For a name that comes from elsewhere; nothing if the options have no such location.
  std::optional<LocationHandle> findLocation(std::string_view name) const;

  // The location now holds these chunks / holds them no longer. From any thread; takes the time of
  // copying the keys, whatever controller, network and the client's thread do. Only while 8 M
  // operations (64 MiB of keys) wait already, because calls outran the client's thread, which gets
  // through some 20 M a second, a call waits for room, at most 1 s, and never on the client's
  // thread. Changes of one key must be reported in the order they happened. Does nothing once the
  // client has stopped for good.
  void admit(LocationHandle location, std::span<const ChunkHash> keys);
  void evict(LocationHandle location, std::span<const ChunkHash> keys);

  // The location holds nothing any more, whatever it held: as an evict of every key, at no cost
  // that grows with them. In order with admit and evict; what waits of the location is not sent any
  // more. From any thread, at once; never waits for room. Controllers of every version take it.
  void clear(LocationHandle location);

  // How busy the engine is, told with the next heartbeat (some seconds) and all after it: 0 idle, 1
  // saturated, above it requests queue up; held to 0 to 1,000. Of instances that match equally
  // look-ups name the less loaded first. Until it is called, and for NaN, nothing is told, which
  // counts as saturated. From any thread, at once.
  void setLoad(double load);

  // Waits until everything accepted before the call is committed by the controller. Not done if
  // that did not come about in time (as long as a location is diverged, it does not: its full sync
  // is waited for), and at once where the client has stopped for good.
  ClientOutcome flush(uint32_t timeoutMs);

  using Peer = PeerView;
  // Who else holds these consecutive chunks of one prompt, longest prefix first? 1 to 65,536.
  Result<std::vector<Peer>> p2pLookup(std::span<const ChunkHash> hashes,
                                      uint32_t timeoutMs = 1'000);
  // The same without waiting. Called back once, on the client's thread.
  void p2pLookup(std::vector<ChunkHash> hashes,
                 std::function<void(Result<std::vector<Peer>>)> callback);

  // Deregisters: the controller forgets the worker, the client stops for good. Not done if the
  // controller could not be told in time; the client has stopped all the same.
  ClientOutcome leave(uint32_t timeoutMs);

  // Both at once, whatever the client's thread does.
  ClientState state() const;
  // Why the state is what it is, as a sentence: what went wrong with the last attempt to connect,
  // why the client stopped. Empty while nothing is wrong.
  std::string lastError() const;
  // These may wait for what the client's thread computes: some 10 ms at worst for each million
  // keys.
  ClientCounters counters() const;
  std::vector<ClientLocationStatus> locations() const;
  uint64_t run() const;  // random id of this client's life

 private:
  // For a call that waits.
  std::string whyNotDone() const;

  std::shared_ptr<ClientShared> shared_;
};

}  // namespace holdfast
