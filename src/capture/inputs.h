// The one way into core and the executor: every message, end of a connection, completion of the
// store, tick and piece of background work comes in here, one at a time, and is written into a log
// where one is kept. What is not in here changes nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "capture/core_options.h"
#include "capture/environment.h"
#include "capture/log_writer.h"
#include "core/notice_sink.h"
#include "core/operations/executor.h"
#include "core/registry/registry.h"

namespace holdfast {

class Recorder;

class Inputs final : public StoreListener {
 public:
  // Keeps all references. Registry and executor were built on the environment's clock, store and
  // random numbers, and have recovered.
  Inputs(Environment& environment, Registry& registry, Executor& executor, NoticeSink& notices);
  ~Inputs() override;

  const Registry& registry() const { return registry_; }
  const Executor& executor() const { return executor_; }
  void onSettled(std::function<void(const Event&)> callback) {
    executor_.onSettled(std::move(callback));
  }

  // --- The log ---

  struct Capture {
    CoreOptions options;  // that core was built with
    std::string clusterId;
    std::string checkpoint;  // of the state as it is now, within the log's folder; empty: it is new
    bool redact = false;     // prompt tokens are left out
  };
  // From now on every input goes into this log, which begins with the state as it is: that of a
  // start, or of restart().
  void capture(std::unique_ptr<LogWriter> log, const Capture& capture);
  bool capturing() const { return recorder_ != nullptr; }
  // Of the log that is kept.
  std::string captureFolder() const;

  // So that a log can begin in the middle: no fold is begun any more; when quiet(), restart()
  // brings core to where a restart would, see there; what is then queued to the store is where the
  // log begins. Until it has, or holdFolds(false) gives that up, time stands still.
  void holdFolds(bool hold);
  bool quiet() const { return registry_.foldsRunning() == 0 && executor_.quiet(); }
  void restart(const std::string& why);
  enum class CaptureEnd { kProcessEnded, kSwitchedOff };
  // Whatever came is in the log when this returns. Nothing happens where none is kept.
  void endCapture(CaptureEnd why);

  // --- Messages of workers: see RegistrationController, KvController, Executor ---

  Result<RegisterOutcome> registerWorker(const Registration& registration, WorkerLink& link);
  Result<HeartbeatOutcome> heartbeat(SessionId session,
                                     const std::vector<LocationStatement>& statements);
  Result<ReportOutcome> report(SessionId session, const Report& report);
  Result<FullSyncStartOutcome> fullSyncStart(SessionId session, const FullSyncStart& message);
  Result<bool> fullSyncBatch(SessionId session, const FullSyncBatch& message);
  Result<FullSyncStatus> fullSyncEnd(SessionId session, const FullSyncEnd& message);
  Result<FullSyncStatus> fullSyncStatus(SessionId session, std::string_view location,
                                        uint64_t incarnation, uint64_t syncId);
  void replayRefused(SessionId session, std::string_view location, uint64_t incarnation);
  // A look-up of the session's worker for peers, of newLookup() and over: it is in the log as of
  // now. An error if the session is not in force any more.
  Result<std::span<const PeerMatch>> peersFound(SessionId session, PromptLookup& lookup);
  Result<Ticket> deregister(SessionId session);
  void answered(SessionId session, uint64_t number, const OperationOutcome& outcome);
  void connectionClosed(SessionId session);
  void sessionFailed(SessionId session, const std::string& why);

  // --- Of routers and operators ---

  // Look-ups only read core, piece by piece; an input is their end. A replay makes all of them
  // there, so what it finds for one that took several turns may be a little newer than the answer
  // was.
  PromptLookup newLookup() const { return registry_.kv().newLookup(); }
  // A piece as long as a turn may take. True when the look-up is over.
  bool advance(PromptLookup& lookup);
  // The answer of one that is over. `tokens`: that the hashes are of; empty where they were not
  // given.
  std::span<const LookupMatch> found(PromptLookup& lookup, std::span<const uint32_t> tokens);
  Result<const Event*> start(OperationRequest request);
  Result<uint32_t> forceSync(std::string_view instance, uint32_t worker, std::string_view location);
  Result<Ticket> forget(std::string_view instance, uint32_t worker);
  Result<Ticket> drain(std::string_view instance, bool drained);

  // --- Of the event loop and the store ---

  // Every 100 ms or so.
  void tick();
  // One bounded piece of background work. False when there is none left.
  bool work();
  // After every RegistryStore::poll: the executor goes on.
  void storePolled();
  void onCommitted(Ticket upTo) override;
  void onFolded(const FoldResult& result) override;
  void onHealth(const StoreHealth& health) override;

 private:
  // The input that began is over; `fill` says what it was.
  template <typename Fill>
  void record(SessionId session, Fill fill);
  void giveUp();

  Environment& environment_;
  Registry& registry_;
  Executor& executor_;
  NoticeSink& notices_;
  std::unique_ptr<Recorder> recorder_;
};

}  // namespace holdfast
