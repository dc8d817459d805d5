// The part of the reporter that others call: the controller and, through Client, the engine.
#include <utility>

#include "client/one_answer.h"
#include "client/reporter_live.h"
#include "core/ids.h"
#include "core/limits.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/operations.h"
#include "wire/text.h"

namespace holdfast {
namespace {

CacheOperation readOperation(schema::WorkerOperationMsg::Reader from) {
  std::vector<ChunkHash> scratch;
  const WorkerOperation asked = read(from, scratch);
  return {.number = asked.number,
          .kind = asked.kind,
          .location = std::string(asked.location),
          .allChunks = asked.allChunks,
          .chunks = {asked.chunks.begin(), asked.chunks.end()},
          .method = std::string(asked.method),
          .destination = asked.destination,
          .copy = asked.copy,
          .ttlSeconds = asked.ttlSeconds};
}

}  // namespace

// What the controller calls. Only the capability of the present registration has an owner: calls
// to an older one speak of a session that is over.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"  // as Cap'n Proto generates its base
class Reporter::WorkerServer final : public schema::Worker::Server {
 public:
  explicit WorkerServer(std::shared_ptr<Reporter*> owner) : owner_(std::move(owner)) {}

  kj::Promise<void> pause(PauseContext context) override {
    const auto params = context.getParams();
    if (*owner_) (*owner_)->paused(stringOf(params.getLocation()), stringOf(params.getReason()));
    return kj::READY_NOW;
  }
  kj::Promise<void> resume(ResumeContext) override {
    if (*owner_) (*owner_)->resumed();
    return kj::READY_NOW;
  }
  kj::Promise<void> superseded(SupersededContext context) override {
    if (*owner_) {
      (*owner_)->stopForGood(ClientState::kSuperseded, stringOf(context.getParams().getReason()));
    }
    return kj::READY_NOW;
  }
  kj::Promise<void> replay(ReplayContext context) override {
    const auto params = context.getParams();
    if (*owner_) {
      const auto answer =
          (*owner_)->replayAsked(stringOf(params.getLocation()), params.getIncarnation(),
                                 params.getFromSeq(), params.getToSeq());
      context.getResults().setAccepted(answer.accepted);
      context.getResults().setReplayableFrom(answer.replayableFrom);
    }
    return kj::READY_NOW;
  }
  kj::Promise<void> startFullSync(StartFullSyncContext context) override {
    const auto params = context.getParams();
    if (*owner_) {
      (*owner_)->fullSyncAsked(stringOf(params.getLocation()), params.getContinueSyncId());
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> operate(OperateContext context) override {
    CacheOperation operation = readOperation(context.getParams().getOperation());
    context.releaseParams();
    auto [promise, answer] = answerOf(context);
    if (*owner_) {
      (*owner_)->operations_.ask(std::move(operation), std::move(answer));
    } else {
      answer({.status = OperationOutcome::Status::kNeverRun, .error = "the session is over"});
    }
    return kj::mv(promise);
  }
  kj::Promise<void> checkFinish(CheckFinishContext context) override {
    const auto params = context.getParams();
    const uint64_t number = params.getWorkerEventId();
    const bool wait = params.getWait();
    auto [promise, answer] = answerOf(context);
    if (*owner_) {
      (*owner_)->operations_.check(number, wait, std::move(answer));
    } else {
      // Nobody listens on this session any more, and nothing can be said of the present one.
      return wireError({ErrorCode::kUnavailable, "the session is over"});
    }
    return kj::mv(promise);
  }

 private:
  // A promise of the call, and what brings its answer. Where that is dropped, the session is over
  // and so is the call.
  template <typename Context>
  static std::pair<kj::Promise<void>, OperationLedger::Answer> answerOf(Context context) {
    // Behind a pointer: g++ 12 takes outcomes inside kj::Maybe for uninitialised.
    using Outcome = std::unique_ptr<OperationOutcome>;
    auto paf = kj::newPromiseAndFulfiller<Outcome>();
    auto fulfiller =
        std::make_shared<kj::Own<kj::PromiseFulfiller<Outcome>>>(kj::mv(paf.fulfiller));
    return {paf.promise.then([context](Outcome&& outcome) mutable {
              outcome->error = oneLineForPeople(outcome->error, kOutcomeErrorBytesMax);
              write(*outcome, context.getResults().initOutcome());
            }),
            [fulfiller](const OperationOutcome& outcome) {
              (*fulfiller)->fulfill(std::make_unique<OperationOutcome>(outcome));
            }};
  }

  const std::shared_ptr<Reporter*> owner_;
};
#pragma GCC diagnostic pop

schema::Worker::Client Reporter::capability(const std::shared_ptr<Reporter*>& owner) {
  return kj::heap<WorkerServer>(owner);
}

// --- what the controller asks for ---

void Reporter::paused(const std::string& location, const std::string& reason) {
  {
    const MutexLock lock(shared_.mutex);
    shared_.machine.pause(location);
  }
  setState(ClientState::kPaused, reason);
}

void Reporter::resumed() {
  {
    const MutexLock lock(shared_.mutex);
    shared_.machine.resume();
  }
  wake();
}

WorkerStateMachine::ReplayAnswer Reporter::replayAsked(const std::string& location,
                                                       uint64_t incarnation, uint64_t from,
                                                       uint64_t to) {
  wake();
  const MutexLock lock(shared_.mutex);
  return shared_.machine.replay(location, incarnation, from, to);
}

void Reporter::fullSyncAsked(const std::string& location, uint64_t continueSyncId) {
  bool takesCut = false;
  {
    const MutexLock lock(shared_.mutex);
    takesCut = shared_.machine.startFullSync(location, continueSyncId);
  }
  // The cut is taken by the pump, so after this.
  if (takesCut) live_->freezes.freeze(location);
  wake();
}

void Reporter::operate(const CacheOperation& operation) {
  OperationHandler unsupported;
  OperationHandler* const handler = shared_.options.operations.get();
  handle(handler != nullptr ? *handler : unsupported, operation,
         Completion([endings = shared_.operationEndings, number = operation.number](
                        OperationOutcome outcome) { endings->give(number, std::move(outcome)); }));
}

void Reporter::operationEnded(uint64_t number, const OperationOutcome& outcome) {
  operations_.ended(number, outcome);
}

void Reporter::fullSyncAdvanced(bool complete) {
  if (complete) hurryBeat();
  wake();
}

void Reporter::freezeMayEnd(const std::string& location) {
  live_->freezes.thaw(location);
}

void Reporter::thawWhatEnded() {
  if (live_->freezes.all().empty()) return;
  std::vector<std::string> ended;
  {
    const MutexLock lock(shared_.mutex);
    for (const std::string& location : live_->freezes.all()) {
      if (!shared_.machine.syncing(location)) ended.push_back(location);
    }
  }
  for (const std::string& location : ended) live_->freezes.thaw(location);
}

// --- what others ask for ---

void Reporter::flush(std::vector<uint64_t> position, std::shared_ptr<Verdict> verdict) {
  if (shared_.stopped) return verdict->give(false);
  flushes_.push_back({std::move(position), std::move(verdict)});
  if (live_) live_->hurriedBeatMs = 0;
  wake();
}

void Reporter::cancelFlush(const std::shared_ptr<Verdict>& verdict) {
  std::erase_if(flushes_, [&](const Flush& flush) { return flush.verdict == verdict; });
}

void Reporter::leave(std::shared_ptr<Verdict> verdict) {
  if (shared_.stopped) return verdict->give(false);
  leaving_ = std::move(verdict);
  leave_ = true;
  wake();
}

void Reporter::abandonLeave() {
  if (!shared_.stopped) stopForGood(ClientState::kLeft, "the controller could not be told");
}

void Reporter::p2pLookup(const std::vector<ChunkHash>& hashes,
                         std::function<void(Result<std::vector<Client::Peer>>)> callback) {
  auto answer = std::make_shared<OneAnswer<std::vector<Client::Peer>>>(std::move(callback));
  if (!live_ || !live_->session) {
    std::string why;
    {
      const MutexLock lock(shared_.stateMutex);
      why = shared_.stateReason;
    }
    if (why.empty()) why = "not registered at the controller yet";
    return answer->give(Error{ErrorCode::kUnavailable, why});
  }
  auto request = live_->session->p2pLookupRequest();
  copyNumbers<uint64_t>(hashes, request.initMessage().initHashes(listSize(hashes.size())));
  live_->lookups.add(shared_.loop.timer()
                         .timeoutAfter(shared_.options.callTimeoutMs * kj::MILLISECONDS,
                                       request.send().then([answer](auto&& results) {
                                         answer->give(read(results.getAnswer()));
                                       }))
                         .catch_([this, answer](kj::Exception&& exception) {
                           answer->give(connector_.explain(exception));
                         }));
}

}  // namespace holdfast
