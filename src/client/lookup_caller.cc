#include "client/lookup_caller.h"

#include <algorithm>
#include <utility>

#include "wire/errors.h"

namespace holdfast {
namespace {

// Time-outs are judged this often while calls are under way.
constexpr uint32_t kSweepMs = 20;
// Between rounds in which every controller was asked and none could answer; doubling.
constexpr uint32_t kPauseMinMs = 20;
constexpr uint32_t kPauseMaxMs = 500;

}  // namespace

class LookupClient::Caller::Line final : private Connector::User {
 public:
  Line(Caller& caller, size_t number, const std::string& controller)
      : caller_(caller),
        number_(number),
        connector_(caller.loop_,
                   {.controllers = controller,
                    .toLeader = false,
                    .security = caller.options_.security,
                    .backoffMinMs = caller.options_.backoffMinMs,
                    .backoffMaxMs = caller.options_.backoffMaxMs,
                    .callTimeoutMs = caller.options_.timeoutMs,
                    .peerTimeoutMs = peerTimeoutMs(caller)},
                   *this) {}
  ~Line() { live_ = nullptr; }

  void start() { connector_.start(); }
  Lines bit() const { return Lines{1} << number_; }
  bool connected() const { return live_ != nullptr; }
  bool usable() const { return live_ != nullptr && !live_->broken; }
  bool refuses() const {
    return connector_.stopped() || (!live_ && lastError_.code == ErrorCode::kUnauthenticated);
  }
  bool stopped() const { return connector_.stopped(); }
  const Error& lastError() const { return lastError_; }

  // Has not answered in time, since when; 0: it answers.
  uint64_t slowSinceMs = 0;

  void make(uint64_t id, const Call& call) {
    live_->calls.add(kj::evalNow([&] { return call.make(live_->capabilities); })
                         .then([this, id] { answered(id, std::nullopt); },
                               [this, id](kj::Exception&& exception) { failed(id, exception); }));
  }
  void drop() {
    slowSinceMs = 0;
    connector_.fail({ErrorCode::kUnavailable,
                     "the controller at " + connector_.controller() + " did not answer in time"});
  }

 private:
  struct Live final : private kj::TaskSet::ErrorHandler {
    Live() : calls(*this) {}
    void taskFailed(kj::Exception&&) override {}
    Capabilities capabilities;
    bool broken = false;  // its end is not told yet
    kj::TaskSet calls;
  };

  // The connector knows of one controller, and there are others.
  static std::optional<uint32_t> peerTimeoutMs(const Caller& caller) {
    const auto& wanted = caller.options_.peerTimeoutMs;
    return wanted || !caller.several() ? wanted : std::optional(Connector::kPeerTimeoutMs);
  }

  void answered(uint64_t id, const std::optional<Error>& error) {
    slowSinceMs = 0;
    caller_.answered(*this, id, error);
  }
  void failed(uint64_t id, const kj::Exception& exception) {
    // Those on it wait for lost(), which is about to come.
    if (exception.getType() == kj::Exception::Type::DISCONNECTED) {
      live_->broken = true;
      return;
    }
    answered(id, connector_.explain(exception));
  }

  kj::Promise<void> establish(Connector::Grants grants) override {
    if (!grants.hasOrchestrator() && !grants.hasOperator()) {
      return wireError({ErrorCode::kDenied, "this token grants neither look-ups nor operations"});
    }
    if (caller_.options_.onLog) {
      caller_.options_.onLog(ClientLogLevel::kInfo,
                             "connected to the controller at " + connector_.controller());
    }
    live_ = std::make_unique<Live>();
    live_->capabilities.several = caller_.several();
    if (grants.hasOrchestrator()) live_->capabilities.orchestrator = grants.getOrchestrator();
    if (grants.hasOperator()) live_->capabilities.operator_ = grants.getOperator();
    slowSinceMs = 0;
    caller_.connected();
    return kj::READY_NOW;
  }

  void lost(const Error& error) override {
    if (caller_.options_.onLog && (live_ || error.message != lastError_.message)) {
      // Controllers close what is idle for long.
      const bool idle = live_ && caller_.calls_.empty();
      caller_.options_.onLog(stopped() ? ClientLogLevel::kError
                             : idle    ? ClientLogLevel::kInfo
                                       : ClientLogLevel::kWarning,
                             error.message + (stopped() ? "" : "; trying again"));
    }
    live_ = nullptr;
    slowSinceMs = 0;
    lastError_ = error;
    caller_.lost(*this);
  }

  Caller& caller_;
  const size_t number_;
  Connector connector_;
  Error lastError_{ErrorCode::kUnavailable, "not connected yet"};
  std::unique_ptr<Live> live_;
};

LookupClient::Caller::Caller(ClientThread::Loop& loop, const LookupClientOptions& options)
    : options_(options), loop_(loop) {
  const std::vector<std::string> controllers = controllerAddresses(options.controller);
  several_ = controllers.size() > 1;
  for (const std::string& controller : controllers) {
    lines_.push_back(std::make_unique<Line>(*this, lines_.size(), controller));
  }
  // Of many clients not all begin with the same one.
  nextLine_ = steadyNowMs() % lines_.size();
}

LookupClient::Caller::~Caller() {
  lines_.clear();
  failAll({ErrorCode::kUnavailable, "the client is closed"});
}

void LookupClient::Caller::start() {
  for (const auto& line : lines_) line->start();
}

void LookupClient::Caller::add(Call call) {
  const bool stopped =
      std::all_of(lines_.begin(), lines_.end(), [](const auto& line) { return line->stopped(); });
  if (stopped) return call.fail(lines_.front()->lastError());
  const uint64_t id = nextId_++;
  Waiting& waiting = calls_[id];
  waiting.call = std::move(call);
  waiting.pauseMs = kPauseMinMs;
  place(id, waiting);
  if (sweeping_) return;
  sweeping_ = true;
  sweep_ = sweep().eagerlyEvaluate(nullptr);
}

void LookupClient::Caller::place(uint64_t id, Waiting& waiting) {
  waiting.nextRoundMs = 0;
  if (Line* const line = lineFor(waiting)) {
    waiting.asked |= line->bit();
    waiting.pending |= line->bit();
    waiting.passOverMs = steadyNowMs() + options_.passOverMs;
    return line->make(id, waiting.call);
  }
  if (waiting.pending != 0 || waiting.asked == 0) return;
  // All that are there have said that they cannot.
  waiting.nextRoundMs = steadyNowMs() + waiting.pauseMs;
  waiting.pauseMs = std::min(waiting.pauseMs * 2, kPauseMaxMs);
}

LookupClient::Caller::Line* LookupClient::Caller::lineFor(const Waiting& waiting) {
  Line* slow = nullptr;
  for (size_t step = 0; step < lines_.size(); ++step) {
    const size_t at = (nextLine_ + step) % lines_.size();
    Line* const line = lines_[at].get();
    if (!line->usable() || (waiting.asked & line->bit()) != 0) continue;
    if (line->slowSinceMs != 0) {
      if (slow == nullptr) slow = line;
      continue;
    }
    nextLine_ = at + 1;
    return line;
  }
  return slow;
}

void LookupClient::Caller::answered(Line& line, uint64_t id, const std::optional<Error>& error) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // another one has answered it
  Waiting& waiting = found->second;
  waiting.pending &= ~line.bit();
  if (error && error->code == ErrorCode::kUnavailable && several()) {
    waiting.lastError = *error;
    return place(id, waiting);
  }
  const Call call = std::move(waiting.call);
  calls_.erase(found);
  if (error) call.fail(*error);
}

void LookupClient::Caller::connected() {
  for (auto& [id, waiting] : calls_) {
    if (waiting.pending == 0) place(id, waiting);
  }
}

void LookupClient::Caller::lost(const Line& line) {
  for (auto& [id, waiting] : calls_) {
    waiting.asked &= ~line.bit();
    const bool waited = (waiting.pending & line.bit()) != 0;
    waiting.pending &= ~line.bit();
    if (waited && waiting.pending == 0) place(id, waiting);
  }
  failIfAllRefuse();
}

// A token that is let in later is noticed, but nobody should wait for that.
void LookupClient::Caller::failIfAllRefuse() {
  for (const auto& line : lines_) {
    if (!line->refuses()) return;
  }
  failAll(lines_.front()->lastError());
}

kj::Promise<void> LookupClient::Caller::sweep() {
  return loop_.timer().afterDelay(kSweepMs * kj::MILLISECONDS).then([this]() -> kj::Promise<void> {
    const uint64_t nowMs = steadyNowMs();
    judge(nowMs);
    if (several()) passOver(nowMs);
    sweeping_ = !calls_.empty();
    if (!sweeping_) return kj::READY_NOW;
    return sweep();
  });
}

void LookupClient::Caller::judge(uint64_t nowMs) {
  while (!calls_.empty() && calls_.begin()->second.call.deadlineMs <= nowMs) {
    const Waiting waiting = std::move(calls_.begin()->second);
    calls_.erase(calls_.begin());
    waiting.call.fail(tooLate(waiting));
  }
}

Error LookupClient::Caller::tooLate(const Waiting& waiting) const {
  if (!waiting.lastError.message.empty()) return waiting.lastError;
  const bool connected =
      std::any_of(lines_.begin(), lines_.end(), [](const auto& line) { return line->connected(); });
  if (!connected) {
    return {ErrorCode::kUnavailable, "not connected: " + lines_.front()->lastError().message};
  }
  return {ErrorCode::kUnavailable, several() ? "none of the controllers answered in time"
                                             : "the controller did not answer in time"};
}

void LookupClient::Caller::passOver(uint64_t nowMs) {
  for (auto& [id, waiting] : calls_) {
    if (waiting.pending != 0 && nowMs >= waiting.passOverMs) {
      for (const auto& line : lines_) {
        const bool slow = (waiting.pending & line->bit()) != 0;
        if (slow && line->slowSinceMs == 0) line->slowSinceMs = nowMs;
      }
      waiting.passOverMs = nowMs + options_.passOverMs;
      place(id, waiting);
    } else if (waiting.nextRoundMs != 0 && nowMs >= waiting.nextRoundMs) {
      waiting.asked = waiting.pending;
      place(id, waiting);
    }
  }
  // What it was asked is kept for as long as it may answer.
  for (const auto& line : lines_) {
    if (line->slowSinceMs != 0 && nowMs - line->slowSinceMs > options_.timeoutMs) {
      line->drop();
    }
  }
}

void LookupClient::Caller::failAll(const Error& error) {
  while (!calls_.empty()) {
    const Call call = std::move(calls_.begin()->second.call);
    calls_.erase(calls_.begin());
    call.fail(error);
  }
}

}  // namespace holdfast
