// The cluster executor: one fan-out for all cache operations, and an event for each.
//
//   start -> event recorded -> recorded on the disk -> one message to each rank -> answers
//         -> final, recorded -> recorded on the disk -> whoever waits is answered
//
// Deterministic, as core is: requests, answers, sessions, completions of the store, ticks and time
// come in by argument. The registry is only read: what an operation changes, workers report. But
// what a rank has pinned nobody reports: it is recorded before the rank counts as done.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/limits.h"
#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/operations/event_log.h"
#include "core/operations/operation_request.h"
#include "core/registry/pins.h"
#include "core/registry/registry_tree.h"
#include "core/registry/session_observer.h"
#include "core/registry_store.h"
#include "core/result.h"
#include "core/ticket_ledger.h"
#include "core/worker_link.h"

namespace holdfast {

class Executor final : public SessionObserver {
 public:
  struct Options {
    // From start() to the last answer, by OperationKind. After a restart what is left of it, and no
    // less than kAnswersAfterRestartMs, so that workers can come back and say.
    std::array<uint64_t, kOperationKinds> timeoutMs = {60'000,  60'000,  600'000,
                                                       600'000, 600'000, 5'000};
    // What is remembered of finished events: so long, and so many.
    uint64_t retentionMs = 86'400'000;
    size_t eventsKeptMax = kEventsKeptMax;
  };

  // Keeps all references. `random` gives 64 random bits.
  Executor(const RegistryTree& tree, Pins& pins, TicketLedger& store, Clock& clock,
           NoticeSink& notices, const Options& options, std::function<uint64_t()> random);

  // What the store remembered; after the registry's recovery and before any other input. What was
  // under way is unknown until its workers say.
  void recover(std::vector<EventRecord> events);

  // The event of the request: a new one, or the one with the same id and arguments. Valid until the
  // next call. An error changes nothing.
  Result<const Event*> start(OperationRequest request);
  // nullptr if there is none (any more).
  const Event* find(std::string_view id) const { return log_.byId(id); }
  const EventLog& log() const { return log_; }
  // Whether some rank of the instance takes tokens, so that a request should have them.
  bool takesTokens(std::string_view instance) const;
  // Called once with each event that has settled; must not call back.
  void onSettled(std::function<void(const Event&)> callback) { onSettled_ = std::move(callback); }

  // What a worker answered to WorkerLink::operate. Of a session that is over: ignored.
  void answered(SessionId session, uint64_t number, const OperationOutcome& outcome);
  // The store was polled: events may go on. Handles a few of them; the rest is left to work().
  void storePolled() { advance(); }
  // Time-outs, retention. Every 100 ms or so.
  void tick();
  // One bounded piece of what is to be sent to workers, recorded as pinned, or forgotten. False
  // when nothing is left.
  bool work();

  // Whether everything that is remembered is on the disk, and nobody waits for a rank's health.
  bool quiet() const;
  // What was under way is unknown until its workers say, as after a restart. Must be quiet().
  void restart();

  void sessionOpened(const Worker& worker) override;
  void sessionClosed(const Worker& worker) override;
  void workerForgotten(const Worker& worker) override;

  // Messages and completion notices per turn; about 0.2 ms.
  static constexpr size_t kMessagesPerTurn = 8;
  static constexpr size_t kKeysPerTurn = 262'144;
  static constexpr size_t kForgottenPerTurn = 64;
  static constexpr uint64_t kAnswersAfterRestartMs = 60'000;

 private:
  using WorkerKey = std::pair<std::string, uint32_t>;
  // An event and one of its ranks, by index.
  struct RankOf {
    uint64_t serial = 0;
    size_t rank = 0;
  };
  // A rank has done its pin; the chunks from this one on are to be recorded.
  struct Pinned {
    RankOf of;
    uint64_t numTokens = 0;
    size_t next = 0;
  };

  std::optional<Error> notReady(const OperationRequest& request) const;
  std::optional<Error> notReady(std::string_view instance, std::string_view location) const;
  std::string modelName(const Worker& worker) const;
  std::optional<Error> otherModel(const std::vector<const Worker*>& ranks,
                                  const std::string& model) const;
  // The model (RegistryTree::salt) that the event's chunks are of; 0: its workers are gone.
  uint64_t modelOf(const EventRecord& event) const;
  std::optional<Error> withoutTokens(const OperationRequest& request) const;
  std::optional<Error> tooMuchWaits(const OperationRequest& request) const;
  std::optional<Error> tooManyPins(const OperationRequest& request) const;
  Event& add(const OperationRequest& request);
  // Health changes nothing and must work while the store cannot write: it is not recorded.
  static bool leavesEvent(OperationKind kind) { return kind != OperationKind::kHealth; }
  // Steady clock.
  uint64_t deadlineOf(const EventRecord& record) const;
  void track(Event& event);
  void send(Event& event, size_t rank);
  std::optional<std::string> whyNotSent(const Event& event, const RankRecord& rank) const;
  void check(Event& event, size_t rank);
  // Some of what a rank has pinned. False when nothing is left.
  bool recordPins();
  // The rank is final; so is the event with the last one.
  void finishRank(Event& event, RankRecord& rank, RankStatus status, std::string_view error);
  void expire(Event& event);
  void finish(Event& event);
  void dropChunks(Event& event);
  void dropTokens(Event& event);
  void settle(Event& event);
  void noticeEnd(const EventRecord& event);
  void write(Event& event, bool synced);
  bool advance();
  // The oldest write that waits is committed. Whether an event has settled by that.
  bool takeCommitted();
  bool forgetOld();
  // Calls visit(event, rank) with each rank of the worker that is not final.
  template <typename Visit>
  void forOpenRanks(const Worker& worker, Visit visit);

  const RegistryTree& tree_;
  Pins& pins_;
  TicketLedger& store_;
  Clock& clock_;
  NoticeSink& notices_;
  const Options options_;
  const std::function<uint64_t()> random_;
  std::function<void(const Event&)> onSettled_;

  EventLog log_;
  std::map<WorkerKey, std::set<uint64_t>> openByWorker_;  // serials of events
  size_t keysWaiting_ = 0;                                // in `chunks` and `toPin` of all events
  size_t tokensWaiting_ = 0;                              // in `tokens` of all events
  std::deque<std::pair<Ticket, uint64_t>> writes_;        // not committed: ticket, serial
  std::deque<RankOf> sending_;                            // the event's ranks from this one on
  std::deque<RankOf> checks_;                             // to be asked what became of it
  std::deque<Pinned> pinned_;
  std::deque<uint64_t> settledHealth_;  // serials: they leave no event
};

}  // namespace holdfast
