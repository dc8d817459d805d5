#include "capture/player.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "capture/core_options.h"

namespace holdfast {
namespace {

using Entry = schema::CaptureEntry::Reader;

constexpr size_t kDifferencesMax = 20;

}  // namespace

// What core tells workers is lost: their answers are in the log.
class Player::NoLink final : public WorkerLink {
 public:
  void pause(const std::string&) override {}
  void resume() override {}
  void replay(const std::string&, uint64_t, uint64_t, uint64_t) override {}
  void startFullSync(const std::string&, Reason, uint64_t) override {}
  void operate(const WorkerOperation&) override {}
  void superseded(const std::string&) override {}
  void closed(const std::string&) override {}
};

class Player::IntoListener final : public StoreListener {
 public:
  void onCommitted(Ticket upTo) override { committed = upTo; }
  void onFolded(const FoldResult& result) override { folds.push_back(result); }
  void onHealth(const StoreHealth& health) override {
    broken = health.writable ? std::string() : health.reason;
  }

  Ticket committed = 0;
  std::vector<FoldResult> folds;
  std::string broken;
};

Player::Player(Options options, NoticeSink& notices)
    : options_(std::move(options)),
      notices_(notices),
      store_(options_.into, options_.recovery),
      link_(std::make_unique<NoLink>()),
      completions_(std::make_unique<IntoListener>()) {}

Player::~Player() = default;

void Player::differ(std::string what) {
  if (differences_.size() < kDifferencesMax) {
    differences_.push_back("entry " + std::to_string(entries_) + ": " + std::move(what));
  }
}

SessionId Player::own(SessionId logged) const {
  const auto found = sessions_.find(logged);
  return found == sessions_.end() ? kNoSession : found->second;
}

const Worker* Player::workerOf(SessionId logged) const {
  return registry_ == nullptr ? nullptr : registry_->tree().bySession(own(logged));
}

uint64_t Player::draw() {
  if (drawn_.empty()) {
    differ("more random numbers are drawn than were");
    return 1;
  }
  const uint64_t number = drawn_.front();
  drawn_.pop_front();
  return number;
}

NamedCounters Player::counters() const {
  NamedCounters counters = named(registry_->counters());
  for (auto& [name, value] : counters) {
    for (const auto& [before, offset] : countersBefore_) {
      if (before == name) value += offset;
    }
  }
  return counters;
}

std::optional<std::string> Player::begin(schema::CaptureStart::Reader start) {
  if (registry_ != nullptr) return "the log starts twice";
  if (start.getCheckpoint().size() != 0 && !options_.recovery) {
    return "the log begins with a checkpoint, which is not there";
  }
  CoreOptions core = read(start);
  core.registry.index.faulter = options_.faulter;
  registry_ = std::make_unique<Registry>(core.registry, clock_, store_, notices_);
  registry_->recover();
  executor_ = std::make_unique<Executor>(registry_->tree(), registry_->pins(), registry_->ledger(),
                                         clock_, core.executor, [this]() { return draw(); });
  executor_->recover(registry_->takeRecoveredEvents());
  registry_->observeSessions(executor_.get());
  if (options_.into == nullptr) store_.setLastTicket(start.getFirstTicket() - 1);
  const std::string digest = registry_->registryDigest().hex();
  if (start.getRegistryDigest() != digest.c_str()) {
    differ("the log begins with registry digest " + stringOf(start.getRegistryDigest()) +
           ", its checkpoint has " + digest);
  }
  const NamedCounters ours = named(registry_->counters());
  countersBefore_ = read(start.getCounters());
  for (auto& [name, value] : countersBefore_) {
    for (const auto& [ourName, ourValue] : ours) {
      if (ourName == name) value -= ourValue;
    }
    if (name == "foldsStarted") foldsBefore_ = value;
  }
  return std::nullopt;
}

std::optional<std::string> Player::play(Entry entry) {
  ++entries_;
  lastLookup_ = {};
  clock_.steady = entry.getSteadyMs();
  clock_.wall = entry.getWallMs();
  clock_.store = entry.getStoreMs() != 0 ? entry.getStoreMs() : clock_.wall;
  store_.setRoom(!entry.getNoRoom());
  if (entry.hasDrawn()) {
    drawn_.clear();
    for (const uint64_t number : entry.getDrawn()) drawn_.push_back(number);
  }
  if (entry.isStart()) return begin(entry.getStart());
  if (registry_ == nullptr) return "it does not begin with a start: its first file is missing";
  if (entry.isEnd()) {
    check(entry.getEnd());
    return std::nullopt;
  }
  if (auto why = take(entry)) return why;
  if (!drawn_.empty()) {
    differ("fewer random numbers are drawn than were");
    drawn_.clear();
  }
  const Ticket logged = entry.getLastTicket();
  if (options_.into == nullptr) {
    if (store_.lastTicket() != logged) {
      differ("the store was written to " + std::to_string(logged) + " times, here " +
             std::to_string(store_.lastTicket()) + " times");
      return "what follows from the log is not what it says: the program that captured it was "
             "another one, or there is a bug";
    }
  } else if (logged != mapped_) {
    mapped_ = logged;
    tickets_.emplace_back(logged, store_.lastTicket());
  }
  return std::nullopt;
}

std::optional<std::string> Player::take(Entry entry) {
  switch (entry.which()) {
    case schema::CaptureEntry::REGISTER:
    case schema::CaptureEntry::HEARTBEAT:
    case schema::CaptureEntry::REPORT:
    case schema::CaptureEntry::FULL_SYNC_START:
    case schema::CaptureEntry::FULL_SYNC_BATCH:
    case schema::CaptureEntry::FULL_SYNC_END:
    case schema::CaptureEntry::FULL_SYNC_STATUS:
    case schema::CaptureEntry::REPLAY_REFUSED:
    case schema::CaptureEntry::P2P_LOOKUP:
    case schema::CaptureEntry::DEREGISTER:
    case schema::CaptureEntry::ANSWERED:
    case schema::CaptureEntry::CONNECTION_CLOSED:
    case schema::CaptureEntry::SESSION_FAILED:
      takeWorkerMessage(entry);
      return std::nullopt;
    default:
      return takeOther(entry);
  }
}

void Player::takeWorkerMessage(Entry entry) {
  const SessionId session = own(entry.getSession());
  KvController& kv = registry_->kv();
  RegistrationController& registration = registry_->registration();
  switch (entry.which()) {
    case schema::CaptureEntry::REGISTER: {
      Registration message = read(entry.getRegister());
      message.onLaterConnection = entry.getOnLaterConnection();
      const auto outcome = registration.registerWorker(message, *link_);
      if (outcome.ok() != (entry.getSession() != kNoSession)) {
        differ(outcome.ok() ? "a registration succeeds that was refused"
                            : "a registration fails: " + outcome.error().message);
      }
      if (outcome.ok()) sessions_[entry.getSession()] = outcome.value().session;
      return;
    }
    case schema::CaptureEntry::HEARTBEAT:
      (void)registration.heartbeat(session, read(entry.getHeartbeat().getLocations()));
      return;
    case schema::CaptureEntry::REPORT:
      if (const auto report = read(entry.getReport(), scratch_); report.ok()) {
        (void)kv.handleBatchedKvOperations(session, report.value());
      }
      return;
    case schema::CaptureEntry::FULL_SYNC_START:
      (void)kv.handleFullSyncStart(session, read(entry.getFullSyncStart()));
      return;
    case schema::CaptureEntry::FULL_SYNC_BATCH:
      (void)kv.handleFullSyncBatch(session, read(entry.getFullSyncBatch(), scratch_));
      return;
    case schema::CaptureEntry::FULL_SYNC_END:
      (void)kv.handleFullSyncEnd(session, read(entry.getFullSyncEnd()));
      return;
    case schema::CaptureEntry::FULL_SYNC_STATUS: {
      const auto message = entry.getFullSyncStatus();
      (void)kv.handleFullSyncStatus(session, viewOf(message.getLocation()),
                                    message.getIncarnation(), message.getSyncId());
      return;
    }
    case schema::CaptureEntry::REPLAY_REFUSED: {
      const auto message = entry.getReplayRefused();
      kv.replayRefused(session, viewOf(message.getLocation()), message.getIncarnation());
      return;
    }
    case schema::CaptureEntry::P2P_LOOKUP:
      (void)kv.batchedP2pLookup(session,
                                numbersOf<uint64_t>(entry.getP2pLookup().getHashes(), scratch_));
      return;
    case schema::CaptureEntry::DEREGISTER:
      (void)registration.deregister(session);
      return;
    case schema::CaptureEntry::ANSWERED:
      executor_->answered(session, entry.getAnswered().getNumber(),
                          read(entry.getAnswered().getOutcome()));
      return;
    case schema::CaptureEntry::SESSION_FAILED:
      return registration.sessionFailed(session, stringOf(entry.getSessionFailed()));
    default:
      registration.connectionClosed(session);
      sessions_.erase(entry.getSession());
      return;
  }
}

std::optional<std::string> Player::takeOther(Entry entry) {
  switch (entry.which()) {
    case schema::CaptureEntry::LOOKUP: {
      const auto found =
          registry_->kv().lookup(viewOf(entry.getLookup().getModel()),
                                 numbersOf<uint64_t>(entry.getLookup().getHashes(), scratch_),
                                 entry.getLookup().getWithPins());
      if (found.ok()) lastLookup_ = found.value();
      return std::nullopt;
    }
    case schema::CaptureEntry::OPERATION: {
      OperationRequest request = read(entry.getOperation());
      if (static_cast<size_t>(request.kind) >= kOperationKinds) return "an unknown operation";
      (void)executor_->start(std::move(request));
      return std::nullopt;
    }
    case schema::CaptureEntry::FORCE_SYNC: {
      const auto message = entry.getForceSync();
      (void)registry_->operators().forceSync(viewOf(message.getInstanceId()), message.getWorkerId(),
                                             viewOf(message.getLocation()));
      return std::nullopt;
    }
    case schema::CaptureEntry::FORGET:
      (void)registry_->operators().forget(viewOf(entry.getForget().getInstanceId()),
                                          entry.getForget().getWorkerId());
      return std::nullopt;
    case schema::CaptureEntry::DRAIN:
      (void)registry_->operators().drain(viewOf(entry.getDrain().getInstanceId()),
                                         !entry.getDrain().getUndo());
      return std::nullopt;
    case schema::CaptureEntry::TICK:
      registry_->tick();
      executor_->tick();
      return std::nullopt;
    case schema::CaptureEntry::WORK:
      registry_->work();
      executor_->work();
      return std::nullopt;
    case schema::CaptureEntry::COMMITTED:
      return committed(entry.getCommitted());
    case schema::CaptureEntry::FOLDED: {
      if (options_.into != nullptr) return std::nullopt;  // it folds by itself
      FoldResult result = read(entry.getFolded());
      result.id -= foldsBefore_;
      if (!store_.takeFold(result.id)) {
        return "fold " + std::to_string(result.id) + " has ended, which was never begun here";
      }
      registry_->onFolded(result);
      return std::nullopt;
    }
    case schema::CaptureEntry::HEALTH: {
      const StoreHealth health{.writable = entry.getHealth().getWritable(),
                               .reason = stringOf(entry.getHealth().getReason())};
      store_.setHealth(health);
      registry_->onHealth(health);
      return std::nullopt;
    }
    case schema::CaptureEntry::STORE_POLLED:
      executor_->storePolled();
      return std::nullopt;
    default:
      return "an entry of an unknown kind: the log is of a newer version";
  }
}

// --- a store to write into ---

std::optional<std::string> Player::awaitInto(const std::function<bool()>& done) {
  while (true) {
    options_.into->poll(*completions_);
    for (const FoldResult& fold : std::exchange(completions_->folds, {})) {
      store_.takeFold(fold.id);
      registry_->onFolded(fold);
    }
    if (!completions_->broken.empty()) return completions_->broken;
    if (done()) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

std::optional<std::string> Player::committed(Ticket upTo) {
  if (options_.into == nullptr) {
    registry_->onCommitted(upTo);
    return std::nullopt;
  }
  // Writes of folds come when this store folds, so tickets are not those of the log.
  Ticket here = 0;
  while (!tickets_.empty() && tickets_.front().first <= upTo) {
    here = tickets_.front().second;
    tickets_.pop_front();
  }
  if (here == 0) return std::nullopt;
  // Room for what comes next, too: core is told of room by the log.
  auto why = awaitInto([&]() {
    return completions_->committed >= here && options_.into->hasRoom(kStoreQueueBytesMax / 2);
  });
  if (!why) registry_->onCommitted(here);
  return why;
}

std::optional<std::string> Player::settle() {
  if (options_.into == nullptr || registry_ == nullptr) return std::nullopt;
  return awaitInto([this]() {
    return completions_->committed >= store_.lastTicket() && store_.foldsRunning() == 0;
  });
}

// --- the end ---

void Player::check(schema::CaptureEnd::Reader end) {
  if (end.getRegistryDigest().size() == 0) return;
  const auto compare = [&](const char* what, capnp::Text::Reader logged, const std::string& ours) {
    if (logged == ours.c_str()) return;
    differ(std::string(what) + " was " + stringOf(logged) + ", here it is " + ours);
  };
  compare("the registry digest", end.getRegistryDigest(), registry_->registryDigest().hex());
  compare("the content digest", end.getContentDigest(), registry_->contentDigest().hex());
  const NamedCounters ours = counters();
  for (const auto& [name, value] : read(end.getCounters())) {
    // This store folds by itself.
    if (options_.into != nullptr && name.starts_with("folds")) continue;
    for (const auto& [ourName, ourValue] : ours) {
      if (ourName == name && ourValue != value) {
        differ("'" + name + "' was " + std::to_string(value) + ", here it is " +
               std::to_string(ourValue));
      }
    }
  }
}

}  // namespace holdfast
