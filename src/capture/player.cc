#include "capture/player.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "capture/controller_options.h"

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
  return controller_ ? registry()->tree().bySession(own(logged)) : nullptr;
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
  NamedCounters counters = named(registry()->counters());
  for (auto& [name, value] : counters) {
    for (const auto& [before, offset] : countersBefore_) {
      if (before == name) value += offset;
    }
  }
  return counters;
}

std::optional<std::string> Player::begin(schema::CaptureStart::Reader start) {
  if (controller_) return "the log starts twice";
  if (start.getCheckpoint().size() != 0 && !options_.recovery) {
    return "the log begins with a checkpoint, which is not there";
  }
  ControllerOptions options = read(start);
  options.registry.index.faulter = options_.faulter;
  controller_.emplace(
      options, clock_, store_, [this]() { return draw(); }, notices_);
  lookup_.emplace(controller_->newLookup());
  reading_.emplace(*link_, *lookup_);
  if (options_.into == nullptr) store_.setLastTicket(start.getFirstTicket() - 1);
  const std::string digest = registry()->registryDigest().hex();
  if (start.getRegistryDigest() != digest.c_str()) {
    differ("the log begins with registry digest " + stringOf(start.getRegistryDigest()) +
           ", its checkpoint has " + digest);
  }
  const NamedCounters ours = named(registry()->counters());
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
  if (!controller_) return "it does not begin with a start: its first file is missing";
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
  const SessionId logged = entry.getSession();
  const Result<AnyInput> read = reading_->read(entry, own(logged));
  if (!read.ok()) return read.error().message;
  return std::visit([this, logged](const auto& input) { return give(input, logged); },
                    read.value());
}

template <typename Input>
std::optional<std::string> Player::give(const Input& input, SessionId) {
  (void)controller_->take(input);
  return std::nullopt;
}

std::optional<std::string> Player::give(const input::Register& input, SessionId logged) {
  const auto outcome = controller_->take(input);
  if (outcome.ok() != (logged != kNoSession)) {
    differ(outcome.ok() ? "a registration succeeds that was refused"
                        : "a registration fails: " + outcome.error().message);
  }
  if (outcome.ok()) sessions_[logged] = outcome.value().session;
  return std::nullopt;
}

std::optional<std::string> Player::give(const input::ConnectionClosed& input, SessionId logged) {
  controller_->take(input);
  sessions_.erase(logged);
  return std::nullopt;
}

std::optional<std::string> Player::give(const input::LookedUp& input, SessionId) {
  lastLookup_ = controller_->take(input);
  return std::nullopt;
}

std::optional<std::string> Player::give(const input::Folded& input, SessionId) {
  if (options_.into != nullptr) return std::nullopt;  // it folds by itself
  FoldResult result = input.result;
  result.id -= foldsBefore_;
  if (!store_.takeFold(result.id)) {
    return "fold " + std::to_string(result.id) + " has ended, which was never begun here";
  }
  controller_->take(input::Folded{result});
  return std::nullopt;
}

// --- a store to write into ---

std::optional<std::string> Player::awaitInto(const std::function<bool()>& done) {
  while (true) {
    options_.into->poll(*completions_);
    for (const FoldResult& fold : std::exchange(completions_->folds, {})) {
      store_.takeFold(fold.id);
      controller_->take(input::Folded{fold});
    }
    if (!completions_->broken.empty()) return completions_->broken;
    if (done()) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
}

std::optional<std::string> Player::give(const input::Committed& input, SessionId) {
  if (options_.into == nullptr) {
    controller_->take(input);
    return std::nullopt;
  }
  // Writes of folds come when this store folds, so tickets are not those of the log.
  Ticket here = 0;
  while (!tickets_.empty() && tickets_.front().first <= input.upTo) {
    here = tickets_.front().second;
    tickets_.pop_front();
  }
  if (here == 0) return std::nullopt;
  // Room for what comes next, too: core is told of room by the log.
  auto why = awaitInto([&]() {
    return completions_->committed >= here && options_.into->hasRoom(kStoreQueueBytesMax / 2);
  });
  if (!why) controller_->take(input::Committed{here});
  return why;
}

std::optional<std::string> Player::settle() {
  if (options_.into == nullptr || !controller_) return std::nullopt;
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
  compare("the registry digest", end.getRegistryDigest(), registry()->registryDigest().hex());
  compare("the content digest", end.getContentDigest(), registry()->contentDigest().hex());
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
