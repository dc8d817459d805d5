// A controller over a real socket, with a plain model behind it and handles to misbehave by.
#pragma once

#include <capnp/rpc-twoparty.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "client/event_loop.h"
#include "core/labels.h"
#include "core/load.h"
#include "core/replica_view.h"
#include "model_controller.h"
#include "schema/controller.capnp.h"

namespace holdfast {

// Waits for something that another thread brings about; false after 20 s, which no test should
// need. Looks often rather than being told, because most of what tests wait for tells nobody.
bool eventually(const std::function<bool()>& condition);

class FakeController {
 public:
  // What it does and saw. Guarded by the controller's lock: see with().
  struct State {
    // Behaviour.
    std::string authenticateError;
    std::string registerError;  // description; empty: registrations succeed
    std::string heartbeatError;
    std::string reportError;
    std::string lookupError;
    bool hangAuthenticate = false;  // never answer
    bool hangRegister = false;
    bool hangLookups = false;
    bool omitDecisions = false;
    bool confirm = true;     // heartbeats confirm what is there
    bool takeClears = true;  // that heartbeats state; false: only those that registrations state
    bool grantWorker = true;
    bool grantOrchestrator = true;
    bool grantOperator = true;
    std::optional<ReplicaView> replica;  // nothing: as a controller that knows of no groups
    uint32_t heartbeatIntervalMs = 3'600'000;
    bool askFullSyncs = true;          // after registrations that call for them
    std::string startError;            // starts are refused for this
    std::set<uint32_t> batchesToLose;  // each once
    bool finishFullSyncs = true;       // switch when all is there
    bool knowFullSyncs = true;         // false: none is known when its status is asked for
    bool canExitFreeze = false;
    // Seen.
    ModelController model;
    uint64_t connections = 0;  // ever
    uint64_t openConnections = 0;
    uint64_t registrations = 0;
    uint64_t attempt = 0;  // of the last registration
    uint64_t run = 0;
    uint64_t reports = 0;
    uint64_t heartbeats = 0;
    uint64_t deregistrations = 0;
    std::vector<FullSyncStart> starts;
    uint64_t statusRequests = 0;  // ends too
    uint64_t lookups = 0;
    std::string token;
    std::string instance;
    std::string model_;
    bool statedHashing = false;
    Labels labels;                              // of the last registration
    Load load = kLoadUnknown;                   // of the last heartbeat
    std::vector<LocationStatement> statements;  // of the last registration
    uint64_t retransmitted() const;
    std::set<ChunkHash> keys(const std::string& location) const;
  };

  explicit FakeController(const std::string& address = "127.0.0.1:0");
  ~FakeController();

  // Where clients connect; the port stays the same over stop() and start().
  std::string address() const { return address_; }
  void stop();  // as a kill does: no listener, connections cut
  void start();
  void cutConnections();
  // Accepts, says this and nothing else.
  void speakGarbage(const std::string& garbage);

  // Calls to the worker of the last registration.
  void pause(const std::string& location);
  void resume();
  void supersede(const std::string& reason);
  void askFullSync(const std::string& location, uint64_t continueSyncId);
  // Whether it was accepted, and from where it can be; nothing if the call failed.
  std::optional<std::pair<bool, uint64_t>> askReplay(const std::string& location,
                                                     uint64_t incarnation, uint64_t from,
                                                     uint64_t to);

  template <typename Use>
  auto with(Use use) {
    const std::lock_guard lock(mutex_);
    return use(state_);
  }

 private:
  class BootstrapServer;
  class GatewayServer;
  class SessionServer;
  class OrchestratorServer;
  class OperatorServer;
  struct Connection;
  struct OnLoop;  // lives and dies on the loop's thread

  kj::Promise<void> acceptLoop();
  capnp::Capability::Client bootstrap();

  std::mutex mutex_;
  State state_;
  std::string address_;
  ClientThread thread_;
  std::unique_ptr<OnLoop> onLoop_;
};

}  // namespace holdfast
