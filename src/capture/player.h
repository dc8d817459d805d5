// Gives the entries of a log to a fresh controller. The same log leads to the same state; where it
// does not, that is a difference: this program is not the one that captured, or a bug.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/entries.h"
#include "capture/replay_store.h"
#include "capture/values.h"
#include "core/clock.h"
#include "core/controller.h"
#include "core/index/page_faulter.h"
#include "schema/capture.capnp.h"

namespace holdfast {

class Player {
 public:
  struct Options {
    // Feeds the state that a log begins with; needed where CaptureStart names a checkpoint.
    std::function<void(RecoverySink&)> recovery;
    // Takes all writes; null: nobody does. Its completions come at its own pace, so what depends on
    // them (folds) is its own as well.
    RegistryStore* into = nullptr;
    PageFaulter* faulter = nullptr;  // may be null
  };

  // Keeps `notices`.
  Player(Options options, NoticeSink& notices);
  ~Player();

  // Takes the next entry. Nothing, or why the replay cannot go on.
  std::optional<std::string> play(schema::CaptureEntry::Reader entry);

  // The log has been played: waits for what is still to be written, and for folds. The same.
  std::optional<std::string> settle();

  // Null before the log's start.
  const Registry* registry() const { return controller_ ? &controller_->registry() : nullptr; }
  // The worker whose session it was when the log was made; null: none in force here.
  const Worker* workerOf(SessionId logged) const;
  // What the last look-up found; until the next entry.
  std::span<const LookupMatch> lastLookup() const { return lastLookup_; }
  // Counters as the log counts them.
  NamedCounters counters() const;
  // Where what came differs from what the log says; at most some.
  const std::vector<std::string>& differences() const { return differences_; }

 private:
  class ReplayClock final : public Clock {
   public:
    uint64_t steadyMs() const override { return steady; }
    uint64_t wallMs() const override { return wall; }
    uint64_t storeMs() const override { return store; }
    uint64_t steady = 0;
    uint64_t wall = 0;
    uint64_t store = 0;
  };
  class NoLink;
  class IntoListener;

  std::optional<std::string> begin(schema::CaptureStart::Reader start);
  std::optional<std::string> take(schema::CaptureEntry::Reader entry);
  // Gives it to the controller, which is all, but for inputs that this store answers differently or
  // that sessions and look-ups depend on.
  template <typename Input>
  std::optional<std::string> give(const Input& input, SessionId logged);
  std::optional<std::string> give(const input::Register& input, SessionId logged);
  std::optional<std::string> give(const input::ConnectionClosed& input, SessionId logged);
  std::optional<std::string> give(const input::LookedUp& input, SessionId logged);
  std::optional<std::string> give(const input::Committed& input, SessionId logged);
  std::optional<std::string> give(const input::Folded& input, SessionId logged);
  std::optional<std::string> awaitInto(const std::function<bool()>& done);
  void check(schema::CaptureEnd::Reader end);
  void differ(std::string what);
  SessionId own(SessionId logged) const;
  uint64_t draw();

  const Options options_;
  NoticeSink& notices_;
  ReplayClock clock_;
  ReplayStore store_;
  std::unique_ptr<WorkerLink> link_;
  std::optional<Controller> controller_;
  // Of the controller.
  std::optional<PromptLookup> lookup_;
  std::optional<EntryReading> reading_;
  std::unordered_map<SessionId, SessionId> sessions_;  // as logged -> here
  std::deque<uint64_t> drawn_;
  NamedCounters countersBefore_;  // the log's, less ours, at its start
  uint64_t foldsBefore_ = 0;      // begun before the log
  std::span<const LookupMatch> lastLookup_;
  std::vector<std::string> differences_;
  uint64_t entries_ = 0;

  // With a store to write into: (last ticket as logged, here), and what that store has completed.
  std::deque<std::pair<Ticket, Ticket>> tickets_;
  Ticket mapped_ = 0;
  std::unique_ptr<IntoListener> completions_;
};

}  // namespace holdfast
