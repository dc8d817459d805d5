#include "core/controller.h"

#include "core/not_leading.h"

namespace holdfast {

Controller::Controller(const ControllerOptions& options, const Clock& clock, RegistryStore& store,
                       std::function<uint64_t()> random, NoticeSink& notices)
    : options_(options),
      outside_(clock, store, std::move(random)),
      registry_(options.registry, outside_.clock(), outside_.store(), notices),
      executor_(registry_.tree(), registry_.pins(), registry_.ledger(), outside_.clock(), notices,
                options.executor, [this]() { return outside_.random(); }),
      recovered_(registry_.recover()) {
  registry_.observeSessions(&executor_);
  if (options.follows) {
    leaderIs("");
    replica().recovered(registry_.takeRecoveredEvents());
  } else {
    executor_.recover(registry_.takeRecoveredEvents());
  }
}

void Controller::leaderIs(const std::string& address) {
  following_ = notLeading(ReplicaRole::kFollower, address);
}

void Controller::lead() {
  HOLDFAST_CHECK(following_, "it leads already");
  outside_.begin();
  following_.reset();
  registry_.lead();
  executor_.recover(replica().takeEvents());
}

void Controller::cutOff(bool is) {
  if (cutOff_ == is) return;
  outside_.begin();
  cutOff_ = is;
  if (!is) registry_.forgetSilence();
}

bool Controller::advance(PromptLookup& lookup, size_t workMax) {
  outside_.begin();
  return lookup.advance(workMax);
}

void Controller::observe(InputObserver* observer) {
  HOLDFAST_CHECK(observer == nullptr || observer_ == nullptr, "somebody observes already");
  observer_ = observer;
  outside_.holdTime(false);
}

void Controller::holdFolds(bool hold) {
  registry_.holdFolds(hold);
  if (!hold) outside_.holdTime(false);
}

void Controller::restart(const std::string& why) {
  HOLDFAST_CHECK(observer_ == nullptr, "whoever observes would not see it");
  outside_.begin();
  outside_.holdTime(true);
  registry_.restart(why);
  executor_.restart();
}

// --- messages of workers ---

Result<RegisterOutcome> Controller::handle(const input::Register& message) {
  return registry_.registration().registerWorker(message.message, message.link);
}

Result<HeartbeatOutcome> Controller::handle(const input::Heartbeat& message) {
  return registry_.registration().heartbeat(message.session, message.statements, message.load);
}

Result<ReportOutcome> Controller::handle(const input::Report& message) {
  return registry_.kv().handleBatchedKvOperations(message.session, message.message);
}

Result<FullSyncStartOutcome> Controller::handle(const input::FullSyncStart& message) {
  return registry_.kv().handleFullSyncStart(message.session, message.message);
}

Result<bool> Controller::handle(const input::FullSyncBatch& message) {
  return registry_.kv().handleFullSyncBatch(message.session, message.message);
}

Result<FullSyncStatus> Controller::handle(const input::FullSyncEnd& message) {
  return registry_.kv().handleFullSyncEnd(message.session, message.message);
}

Result<FullSyncStatus> Controller::handle(const input::FullSyncStatus& message) {
  return registry_.kv().handleFullSyncStatus(message.session, message.location, message.incarnation,
                                             message.syncId);
}

Done Controller::handle(const input::ReplayRefused& message) {
  registry_.kv().replayRefused(message.session, message.location, message.incarnation);
  return {};
}

Done Controller::handle(const input::OperationsLost& message) {
  registry_.kv().operationsLost(message.session, message.message);
  return {};
}

Result<ReportOutcome> Controller::handle(const input::Clear& message) {
  return registry_.kv().clear(message.session, message.message);
}

Result<std::span<const PeerMatch>> Controller::handle(const input::PeersFound& message) {
  if (auto error = registry_.kv().lookedUpPeers(message.session)) return *error;
  return message.lookup.peers();
}

Result<Ticket> Controller::handle(const input::Deregister& message) {
  return registry_.registration().deregister(message.session);
}

Done Controller::handle(const input::Answered& message) {
  executor_.answered(message.session, message.number, message.outcome);
  return {};
}

Done Controller::handle(const input::ConnectionClosed& message) {
  if (cutOff_) {
    registry_.registration().awaitBack(message.session);
  } else {
    registry_.registration().connectionClosed(message.session);
  }
  return {};
}

Done Controller::handle(const input::SessionFailed& message) {
  registry_.registration().sessionFailed(message.session, message.why);
  return {};
}

// --- of routers and operators ---

std::span<const LookupMatch> Controller::handle(const input::LookedUp& message) {
  return registry_.kv().lookedUp(message.lookup, message.countedAs);
}

Result<const Event*> Controller::handle(const input::Operation& message) {
  // Whoever observes is to see it whole.
  if (observer_ != nullptr) return executor_.start(message.request);
  return executor_.start(std::move(message.request));
}

Result<uint32_t> Controller::handle(const input::ForceSync& message) {
  return registry_.operators().forceSync(message.instance, message.worker, message.location);
}

Result<Ticket> Controller::handle(const input::Forget& message) {
  return registry_.operators().forget(message.instance, message.worker);
}

Result<Ticket> Controller::handle(const input::Drain& message) {
  return registry_.operators().drain(message.instance, message.drained);
}

// --- of the event loop and the store ---

Done Controller::handle(const input::Tick&) {
  if (following_) {
    registry_.tickFollowing();
    return {};
  }
  if (cutOff_) {
    registry_.tickFollowing();
  } else {
    registry_.tick();
  }
  executor_.tick();
  return {};
}

bool Controller::handle(const input::Work&) {
  if (following_) return registry_.work();
  const bool more = registry_.work();
  const bool moreOperations = executor_.work();
  return more || moreOperations;
}

Done Controller::handle(const input::StorePolled&) {
  executor_.storePolled();
  return {};
}

Done Controller::handle(const input::Committed& completion) {
  registry_.onCommitted(completion.upTo);
  return {};
}

Done Controller::handle(const input::Folded& completion) {
  registry_.onFolded(completion.result);
  return {};
}

Done Controller::handle(const input::Health& completion) {
  outside_.health(completion.health);
  registry_.onHealth(completion.health);
  return {};
}

}  // namespace holdfast
