// What routers and tools ask the controller: look-ups, queries, status. Reconnects by itself; a
// call made while there is no connection waits for one, until its time-out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/client_thread.h"
#include "core/messages.h"
#include "core/result.h"
#include "core/types.h"

namespace holdfast {

struct LookupClientOptions {
  std::string controller = "127.0.0.1:7440";  // "HOST:PORT" or "unix:PATH"
  std::string token = {};                     // of the role orchestrator or operator
  uint32_t timeoutMs = 5'000;                 // of one call, waiting for a connection included
  uint32_t backoffMinMs = 20;                 // reconnection: doubles from min to max, jittered
  uint32_t backoffMaxMs = 1'000;
  size_t callsMax = 65'536;  // not yet answered; one more fails at once
  // Told why the controller cannot be reached, once for each new reason, and that it is. May be
  // null.
  ClientLog onLog = {};

  // What is wrong, as a sentence; empty if valid.
  std::string validate() const;
};

struct LookupOptions {
  std::string model = {};  // empty: the default one
  bool withPins = false;   // say how much of each prefix is pinned, which takes longer
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
};

struct LookupAnswer {
  std::vector<InstanceLayout> layouts;  // best first; empty: `message` says why
  std::string message;                  // for people, with names and numbers
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
  uint64_t lookupWindowP99Us = 0;
  uint64_t recoveryMs = 0;
  uint64_t recoveredInstances = 0;
  uint64_t recoveredWorkers = 0;
  uint64_t recoveredChunks = 0;
  uint64_t connections = 0;
};

template <typename T>
class AwaitedAnswer;  // one_answer.h

class LookupClient {
 public:
  template <typename T>
  using Callback = std::function<void(Result<T>)>;

  // Connects at once; `thread` must outlive it. An error where the options are not valid.
  static Result<std::unique_ptr<LookupClient>> create(ClientThread& thread,
                                                      LookupClientOptions options);
  // For options that validate() has passed: ends the process for any others.
  LookupClient(ClientThread& thread, LookupClientOptions options);
  // Calls that are still under way end with an error, before it returns.
  ~LookupClient();
  LookupClient(const LookupClient&) = delete;
  LookupClient& operator=(const LookupClient&) = delete;

  // All may be called from any thread. The blocking forms must not be called on the client's
  // thread. A callback is called once, on the client's thread, and must not block. After fork() the
  // child's copy is dead: every call ends at once with an error, on the caller's thread.
  //
  // Errors: kInvalid and kRefused as the controller says (a token without the role is kRefused);
  // kUnavailable where there was no answer in time or too many calls are under way.

  // Consecutive chunks of a prompt from the first, at most 65,536.
  Result<LookupAnswer> lookup(std::vector<ChunkHash> hashes, LookupOptions options = {});
  void lookup(std::vector<ChunkHash> hashes, LookupOptions options,
              Callback<LookupAnswer> callback);
  // A prompt, at most 4,194,304 tokens.
  Result<LookupAnswer> lookupTokens(std::vector<uint32_t> tokens, LookupOptions options = {});
  void lookupTokens(std::vector<uint32_t> tokens, LookupOptions options,
                    Callback<LookupAnswer> callback);
  // The instance with a worker registered at this ip; empty: none.
  Result<std::string> queryInstance(std::string ip);
  // Empty instance: of all; empty list: all workers.
  Result<std::vector<WorkerView>> queryWorkers(std::string instance = {},
                                               std::vector<uint32_t> workers = {});
  // Where asked to, the controller begins a new window of look-up latencies after its answer.
  Result<ControllerStatus> status(bool resetLookupWindow = false);
  void status(Callback<ControllerStatus> callback, bool resetLookupWindow = false);
  Result<std::vector<DivergedView>> diverged();

 private:
  class Caller;  // lives on the loop
  const LookupClientOptions options_;
  ClientThread::Loop& loop_;
  std::unique_ptr<Caller> caller_;

  bool tooLong(const char* what, size_t size, size_t max, const Callback<LookupAnswer>& callback);
  template <typename T, typename Rpc>
  void call(Rpc rpc, Callback<T> callback);
  template <typename T>
  Result<T> wait(AwaitedAnswer<T>& answer);
};

}  // namespace holdfast
