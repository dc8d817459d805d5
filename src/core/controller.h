// The controller: everything that core owns, and the one way into it. Every message, end of a
// connection, completion of the store, tick and piece of background work is an input (input.h) that
// take() takes, one at a time; nothing else changes anything, but for the beginning of a capture
// under way. Deterministic: the same inputs with the same answers of the outside, in the same
// order, lead to the same state. One thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "core/check.h"
#include "core/index/prompt_lookup.h"
#include "core/input.h"
#include "core/notice_sink.h"
#include "core/operations/executor.h"
#include "core/outside.h"
#include "core/registry/registry.h"
#include "core/replica/replica.h"
#include "core/result.h"

namespace holdfast {

struct ControllerOptions {
  RegistryOptions registry;
  Executor::Options executor;
  // It begins as a follower of a group; see Controller::lead().
  bool follows = false;
};

class Controller final : public StoreListener {
 public:
  // Reads back what the store holds. Keeps all references; they outlive it. `random` gives 64
  // random bits.
  Controller(const ControllerOptions& options, const Clock& clock, RegistryStore& store,
             std::function<uint64_t()> random, NoticeSink& notices);
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  const ControllerOptions& options() const { return options_; }
  // What the store held.
  const RecoveryReport& recovered() const { return recovered_; }

  // What came of the inputs so far.
  const Registry& registry() const { return registry_; }
  const Executor& executor() const { return executor_; }

  // An input begins, is dealt with, and is shown to the observer. Never within another one.
  template <typename Input>
  typename Input::Outcome take(const Input& input);

  // Look-ups only read; what counts is their end, an input::LookedUp or input::PeersFound.
  PromptLookup newLookup() const { return registry_.kv().newLookup(); }
  // A piece as long as a turn of the loop may take. True when the look-up is over.
  bool advance(PromptLookup& lookup, size_t workMax = PromptLookup::kWorkOfTurn);

  // Called once with each operation that has settled; must not call back. Empty: nobody is told.
  void onSettled(std::function<void(const Event&)> callback) {
    executor_.onSettled(std::move(callback));
  }

  // --- Of a group of controllers ---

  // A follower takes no message of workers, routers or operators: each gets the error that
  // leaderIs() says. What its leader writes comes to replica(); look-ups are answered; time-outs
  // are the leader's.
  bool follows() const { return following_.has_value(); }
  Replica& replica() { return registry_.replica(); }
  // Where the leader is, "host:port"; empty: nobody knows.
  void leaderIs(const std::string& address);
  // It is elected: everything is as after a start on what its store holds. The store takes writes
  // of a leader from now on.
  void lead();

  // A leader that its log has not heard for long may be none any more, and its doors send the
  // workers away: those whose connections end are not LOST but RECOVERED, and no time-out of
  // theirs goes on, until it says that this is over. They have the whole time to come back then.
  void cutOff(bool is);

  // --- Observation ---

  // At most one; outlives the controller, or is taken off with null. The state as it is now is
  // where what it sees begins; time goes on where restart() has stopped it.
  void observe(InputObserver* observer);
  bool observed() const { return observer_ != nullptr; }
  // What the last input asked of the outside.
  const Outside::Answers& answers() const { return outside_.answers(); }

  // So that an observer can begin under way with a state that it can have read from the store: no
  // fold is begun any more; when quiet(), restart() brings everything to where a restart would, see
  // Registry::restart; what is then queued to the store is where it begins. Until observe(), or
  // until holdFolds(false) gives that up, time stands still. Nobody may observe yet.
  void holdFolds(bool hold);
  // No fold runs and no operation waits for the store.
  bool quiet() const { return registry_.foldsRunning() == 0 && executor_.quiet(); }
  // Links of sessions that end are told `why`.
  void restart(const std::string& why);

  // --- StoreListener: inputs, too ---
  void onCommitted(Ticket upTo) override { take(input::Committed{upTo}); }
  void onFolded(const FoldResult& result) override { take(input::Folded{result}); }
  void onHealth(const StoreHealth& health) override { take(input::Health{health}); }

 private:
  Result<RegisterOutcome> handle(const input::Register& message);
  Result<HeartbeatOutcome> handle(const input::Heartbeat& message);
  Result<ReportOutcome> handle(const input::Report& message);
  Result<FullSyncStartOutcome> handle(const input::FullSyncStart& message);
  Result<bool> handle(const input::FullSyncBatch& message);
  Result<FullSyncStatus> handle(const input::FullSyncEnd& message);
  Result<FullSyncStatus> handle(const input::FullSyncStatus& message);
  Done handle(const input::ReplayRefused& message);
  Done handle(const input::OperationsLost& message);
  Result<ReportOutcome> handle(const input::Clear& message);
  Result<std::span<const PeerMatch>> handle(const input::PeersFound& message);
  Result<Ticket> handle(const input::Deregister& message);
  Done handle(const input::Answered& message);
  Done handle(const input::ConnectionClosed& message);
  Done handle(const input::SessionFailed& message);
  std::span<const LookupMatch> handle(const input::LookedUp& message);
  Result<const Event*> handle(const input::Operation& message);
  Result<uint32_t> handle(const input::ForceSync& message);
  Result<Ticket> handle(const input::Forget& message);
  Result<Ticket> handle(const input::Drain& message);
  Done handle(const input::Tick&);
  bool handle(const input::Work&);
  Done handle(const input::StorePolled&);
  Done handle(const input::Committed& completion);
  Done handle(const input::Folded& completion);
  Done handle(const input::Health& completion);

  const ControllerOptions options_;
  Outside outside_;
  Registry registry_;
  Executor executor_;
  RecoveryReport recovered_;
  InputObserver* observer_ = nullptr;
  bool taking_ = false;
  bool cutOff_ = false;
  std::optional<Error> following_;  // what messages are answered; none: it leads, or is alone
};

namespace controller {

template <typename T>
inline constexpr bool kIsResult = false;
template <typename T>
inline constexpr bool kIsResult<Result<T>> = true;

}  // namespace controller

template <typename Input>
typename Input::Outcome Controller::take(const Input& input) {
  static_assert(AllInputs::kContains<Input>);
  HOLDFAST_CHECK(!taking_, "an input within another one");
  taking_ = true;
  outside_.begin();
  typename Input::Outcome outcome = [&]() -> typename Input::Outcome {
    if constexpr (controller::kIsResult<typename Input::Outcome>) {
      if (following_) return *following_;
    }
    return handle(input);
  }();
  if (observer_ != nullptr) observer_->taken(Taken<Input>{input, outcome});
  taking_ = false;
  return outcome;
}

}  // namespace holdfast
