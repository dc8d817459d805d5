// The worker's side of the protocol on one client thread: registers, pumps reports and full syncs
// out as they become due, sends heartbeats, answers the controller's calls. What is sent when is
// decided by the state machine; this drives it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "client/client_shared.h"
#include "client/connector.h"
#include "client/full_sync_sender.h"
#include "client/operation_ledger.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class Reporter final : private Connector::User, private FullSyncSender::User {
 public:
  explicit Reporter(ClientShared& shared);
  ~Reporter();

  void start() { connector_.start(); }
  // Operations are waiting in the inbox, or something else changed that the pump looks at.
  void wake();

  // The verdict is true when all before `position` is committed, false when it never will be.
  void flush(std::vector<uint64_t> position, std::shared_ptr<Verdict> verdict);
  // Whoever waited has given up.
  void cancelFlush(const std::shared_ptr<Verdict>& verdict);
  // Deregisters as soon as there is a session; the verdict says whether it was answered.
  void leave(std::shared_ptr<Verdict> verdict);
  // Stops for good, whether or not it could deregister.
  void abandonLeave();
  // The engine has done with an operation.
  void operationEnded(uint64_t number, const OperationOutcome& outcome);
  void p2pLookup(const std::vector<ChunkHash>& hashes,
                 std::function<void(Result<std::vector<Client::Peer>>)> callback);

 private:
  class WorkerServer;
  struct Live;
  struct Flush {
    std::vector<uint64_t> position;
    std::shared_ptr<Verdict> verdict;
  };

  kj::Promise<void> establish(Connector::Grants grants) override;
  void lost(const Error& error) override;

  // Has what a full queue left applied, piece by piece, so that registering takes no time and one
  // registration is enough. Whether more is left.
  bool absorbPiece() HOLDFAST_REQUIRES(shared_.mutex);
  kj::Promise<void> absorb();
  kj::Promise<void> registerNow();
  // What the controller calls as long as *owner is not null.
  static schema::Worker::Client capability(const std::shared_ptr<Reporter*>& owner);
  void registrationAnswered(const schema::WorkerGateway::RegisterResults::Reader& results,
                            uint64_t attempt);
  // Sends what is due, a report and a message of a full sync in turn, then waits for more; ends
  // only by failing.
  kj::Promise<void> pump();
  // Adds what is to be waited for before more is sent. False: the connection is given up.
  bool sendReport(kj::Vector<kj::Promise<void>>& sent);
  kj::Promise<void> waitForWork(std::optional<uint64_t> dueMs);
  kj::Promise<void> deregister();
  // Sends a heartbeat after the interval or when confirmations are wanted; ends only by failing.
  kj::Promise<void> beat();
  kj::Promise<void> sendHeartbeat();
  void heartbeatAnswered(const schema::HeartbeatRetMsg::Reader& answer);
  // Sends the next heartbeat now, unless one is hurried already.
  void hurryBeat();

  void paused(const std::string& location, const std::string& reason);
  void resumed();
  WorkerStateMachine::ReplayAnswer replayAsked(const std::string& location, uint64_t incarnation,
                                               uint64_t from, uint64_t to);
  void fullSyncAsked(const std::string& location, uint64_t continueSyncId);
  void operate(const CacheOperation& operation);
  void fullSyncAdvanced(bool complete) override;
  void freezeMayEnd(const std::string& location) override;
  void thawWhatEnded();
  void sessionFailed(const Error& error) override;
  void stopForGood(ClientState state, const std::string& reason);
  void setState(ClientState state, const std::string& reason);
  void tell(ClientLogLevel level, const std::string& line);

  ClientShared& shared_;
  Connector connector_;
  OperationLedger operations_;
  std::unique_ptr<Live> live_;  // what lives as long as a connection
  WorkerStateMachine::OutgoingReport report_;
  uint64_t lossesTold_ = 0;
  std::set<std::string> troublesTold_;  // since it was registered last
  uint32_t heartbeatIntervalMs_ = 0;
  uint32_t heartbeatTimeoutMs_ = 0;
  std::vector<Flush> flushes_;
  std::shared_ptr<Verdict> leaving_;
  bool leave_ = false;
};

}  // namespace holdfast
