#include "serving/watch_log.h"

#include <array>
#include <charconv>
#include <utility>
#include <variant>

#include "core/decisions.h"

namespace holdfast {
namespace {

// The epoch, 16 digits, and the number: "00c0ffee12345678-17".
constexpr size_t kEpochDigits = 16;

std::string idText(uint64_t epoch, uint64_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4) text += kDigits[(epoch >> shift) & 15];
  return text + "-" + std::to_string(number);
}

bool readWhole(std::string_view text, uint64_t& value, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  return error == std::errc() && end == text.data() + text.size();
}

struct EventId {
  uint64_t epoch = 0;
  uint64_t number = 0;
};
std::optional<EventId> readEventId(std::string_view text) {
  EventId id;
  if (text.size() < kEpochDigits + 2 || text[kEpochDigits] != '-') return std::nullopt;
  if (!readWhole(text.substr(0, kEpochDigits), id.epoch, 16)) return std::nullopt;
  if (!readWhole(text.substr(kEpochDigits + 1), id.number, 10)) return std::nullopt;
  return id;
}

}  // namespace

std::string_view nameOf(WatchReset reset) {
  static constexpr std::array<std::string_view, 4> kNames = {"begin", "restarted", "tooOld",
                                                             "unknown"};
  return kNames[static_cast<size_t>(reset)];
}

// --- From notices to events ---

struct WatchLog::Translation {
  WatchLog& log;

  void operator()(const notice::WorkerRegistered& one) const {
    log.up(one.worker, one.address, one.model);
  }
  void operator()(const notice::WorkerReturned& one) const {
    log.up(one.worker, one.address, one.model);
  }
  void operator()(const notice::WorkerLost& one) const {
    log.down(one.worker, nameOf(one.cause), false);
  }
  void operator()(const notice::WorkerDeregistered& one) const {
    log.down(one.worker, "deregistered", true);
  }
  void operator()(const notice::WorkerExpired& one) const { log.down(one.worker, "expired", true); }
  void operator()(const notice::WorkerForgotten& one) const {
    log.down(one.worker, "forgotten by an operator", true);
  }
  void operator()(const notice::EmptyWorkerMadeRoom& one) const {
    log.down(one.worker, "made room for another one", true);
  }
  void operator()(const notice::WorkerMadeRoom& one) const {
    log.down(one.worker, "made room for another one", true);
  }
  void operator()(const notice::InstanceDrained& one) const {
    log.add({.kind = WatchKind::kInstanceDrained, .instance = one.instance});
  }
  void operator()(const notice::InstanceUndrained& one) const {
    log.add({.kind = WatchKind::kInstanceUndrained, .instance = one.instance});
  }
  void operator()(const notice::LocationDiverged& one) const { diverged(one.location, one.reason); }
  void operator()(const notice::ReportsLost& one) const {
    diverged(one.location, Reason::kReportsLost);
  }
  void operator()(const notice::GapNotFilled& one) const { diverged(one.location, one.reason); }
  void operator()(const notice::LocationInSync& one) const {
    log.add({.kind = WatchKind::kLocationInSync,
             .instance = one.location.worker.instance,
             .worker = one.location.worker.worker,
             .location = one.location.location});
  }
  void operator()(const notice::OperationDone& one) const { ended(one, false); }
  void operator()(const notice::OperationFailed& one) const { ended(one, true); }
  void operator()(const auto&) const {}

 private:
  void diverged(const LocationName& location, Reason reason) const {
    log.add({.kind = WatchKind::kLocationDiverged,
             .instance = location.worker.instance,
             .worker = location.worker.worker,
             .location = location.location,
             .cause = std::string(reasonName(reason))});
  }
  void ended(const auto& one, bool failed) const {
    log.add({.kind = WatchKind::kOperationEnded,
             .instance = one.instance,
             .operationId = one.event,
             .operation = one.kind,
             .failed = failed});
  }
};

void WatchLog::notice(const Notice& notice) {
  next_.notice(notice);
  std::visit(Translation{*this}, notice);
}

void WatchLog::begin(const RegistryTree& recovered) {
  for (const auto& [name, instance] : recovered.instances()) {
    if (!instance->ranksPresent.empty()) up_[name] = instance->ranksPresent;
  }
}

void WatchLog::up(const WorkerName& worker, const std::string& address, const std::string& model) {
  std::set<uint32_t>& ranks = up_[worker.instance];
  const bool first = ranks.empty();
  ranks.insert(worker.worker);
  if (first) add({.kind = WatchKind::kInstanceUp, .instance = worker.instance});
  add({.kind = WatchKind::kWorkerUp,
       .instance = worker.instance,
       .worker = worker.worker,
       .address = address,
       .model = model});
}

void WatchLog::down(const WorkerName& worker, std::string_view cause, bool forgotten) {
  add({.kind = WatchKind::kWorkerDown,
       .instance = worker.instance,
       .worker = worker.worker,
       .cause = std::string(cause),
       .forgotten = forgotten});
  const auto instance = up_.find(worker.instance);
  if (instance == up_.end()) return;
  instance->second.erase(worker.worker);
  if (!instance->second.empty()) return;
  up_.erase(instance);
  add({.kind = WatchKind::kInstanceDown, .instance = worker.instance});
}

void WatchLog::add(const WatchEvent& event) {
  if (events_.size() == eventsKept_) events_.pop_front();
  ++newest_;
  events_.emplace_back(event, clock_.wallMs());
  for (Watcher* const watcher : watchers_) {
    if (watcher->waiting_.get() == nullptr) continue;
    watcher->waiting_->fulfill();
    watcher->waiting_ = nullptr;
  }
}

// --- Watchers ---

std::optional<WatchReset> WatchLog::resetFor(std::string_view lastId, uint64_t& number) const {
  if (lastId.empty()) return WatchReset::kBegin;
  const auto id = readEventId(lastId);
  if (!id) return WatchReset::kUnknown;
  if (id->epoch != epoch_) return WatchReset::kRestarted;
  if (id->number > newest_) return WatchReset::kUnknown;
  if (id->number + 1 < oldest()) return WatchReset::kTooOld;
  number = id->number;
  return std::nullopt;
}

Result<std::unique_ptr<WatchLog::Watcher>> WatchLog::watch(std::string_view lastId) {
  if (watchers_.size() >= kWatchersMax) {
    return Error{ErrorCode::kUnavailable, std::to_string(watchers_.size()) +
                                              " clients watch already, which is the most that is "
                                              "allowed; try again later"};
  }
  uint64_t number = newest_;
  const auto reset = resetFor(lastId, number);
  return std::unique_ptr<Watcher>(new Watcher(*this, number, reset));
}

WatchLog::Watcher::Watcher(WatchLog& log, uint64_t number, std::optional<WatchReset> reset)
    : log_(log),
      number_(number),
      reset_(reset),
      place_(log.watchers_.insert(log.watchers_.end(), this)) {}

WatchLog::Watcher::~Watcher() {
  log_.watchers_.erase(place_);
}

std::string WatchLog::Watcher::id() const {
  return idText(log_.epoch_, number_);
}

bool WatchLog::Watcher::fellBehind() const {
  return number_ + 1 < log_.oldest();
}

const WatchEvent* WatchLog::Watcher::next() {
  if (number_ == log_.newest_ || fellBehind()) return nullptr;
  ++number_;
  given_ = log_.events_[number_ - log_.oldest()].unpacked(number_);
  return &given_;
}

kj::Promise<void> WatchLog::Watcher::arrival() {
  if (number_ != log_.newest_) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  waiting_ = kj::mv(paf.fulfiller);
  return kj::mv(paf.promise);
}

}  // namespace holdfast
