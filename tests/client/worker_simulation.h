// The worker's state machine against a plain model controller over a network that keeps order and
// cuts connections.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "client/worker_state.h"
#include "model_controller.h"

namespace holdfast {

class Simulation {
 public:
  explicit Simulation(uint64_t seed);
  // Random steps, and then whatever it takes to end with the truth.
  void run();

 private:
  using Machine = WorkerStateMachine;

  struct Register {
    Machine::RegistrationRequest request;
  };
  struct Answer {
    uint64_t attempt;
    std::vector<LocationDecision> decisions;
  };
  struct Beat {
    std::vector<LocationStatement> statements;
  };
  struct BeatAnswer {
    std::vector<CommittedSeq> committed;
    std::vector<LocationDecision> decisions;
  };
  struct Pause {
    std::string location;
  };
  struct Resume {};
  struct Batch {
    std::string location;
    uint64_t incarnation;
    uint64_t syncId;
    uint32_t number;
    std::vector<ChunkHash> keys;
  };
  // Of one registration: a newer one has the worker ignore them.
  struct AskSync {
    uint64_t attempt;
    std::string location;
    uint64_t continueSyncId;
  };
  struct Started {
    uint64_t attempt;
    std::string location;
    uint64_t syncId;
    FullSyncStartOutcome outcome;
  };
  struct SyncAnswer {
    uint64_t attempt;
    std::string location;
    uint64_t syncId;
    FullSyncStatus status;
  };
  using ToController = std::variant<Register, Machine::OutgoingReport, Beat, FullSyncStart, Batch,
                                    FullSyncEnd, FullSyncPoll>;
  using ToWorker = std::variant<Answer, BeatAnswer, Pause, Resume, AskSync, Started, SyncAnswer>;

  bool chance(uint64_t oneIn) { return random_() % oneIn == 0; }

  Machine::Options options();
  ChunkHash randomKey();
  void step();
  void engineChanges();
  void startRegistration();
  bool sendSync();
  bool sendReport(bool flush);
  void sendHeartbeat();
  void deliverToController();
  void arrives(const Machine::OutgoingReport& report);
  void arrives(const Register& registration);
  void ask(const std::string& location, uint64_t syncId);
  void arrives(const Beat& beat) { judge(beat.statements); }
  void arrives(const FullSyncStart& start);
  // Now and then there is no room for one.
  void arrives(const Batch& batch);
  void arrives(const FullSyncEnd& end) { tellStatus(end.location, end.incarnation, end.syncId); }
  void arrives(const FullSyncPoll& poll);
  void tellStatus(const std::string& location, uint64_t incarnation, uint64_t syncId);
  // Everything sent before it on the session has arrived, so they must agree.
  void judge(const std::vector<LocationStatement>& statements);
  void deliverToWorker();
  void name(const std::string& location, uint64_t incarnation, uint64_t seq);
  void controllerActs();
  // The connection breaks; now and then because the controller's machine lost power.
  void cut();
  void settle();

  std::mt19937_64 random_;
  Machine machine_;
  ModelController controller_;
  std::vector<std::set<ChunkHash>> truth_;
  std::deque<ToController> toController_;
  std::deque<ToWorker> toWorker_;
  bool connected_ = false;
  bool powerLosses_ = false;
  bool settling_ = false;
  uint64_t nowMs_ = 0;
  uint64_t attempt_ = 0;            // of the worker's last registration
  uint64_t controllerAttempt_ = 0;  // of the last one that arrived
  std::map<std::tuple<std::string, uint64_t, uint64_t>, std::pair<ChunkHash, bool>> numbered_;
  std::map<std::pair<std::string, uint64_t>, uint64_t> named_;
  uint64_t resent_ = 0;
};

}  // namespace holdfast
