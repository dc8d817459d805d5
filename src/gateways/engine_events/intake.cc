#include "gateways/engine_events/intake.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/check.h"
#include "core/notice.h"
#include "gateways/engine_events/endpoints.h"
#include "gateways/engine_events/intake_entry.h"

namespace holdfast::engines {
namespace {

// Operations that are reported at once, about 0.1 ms.
constexpr size_t kOperationsOfPiece = 2'048;
// Until what the store could not take is tried again.
constexpr kj::Duration kLater = 20 * kj::MILLISECONDS;
// About 5 s: then the source is read again later, from where the registry is.
constexpr size_t kTriesMax = 250;
constexpr uint64_t kReopenMs = 1'000;
// Between two notices of one kind about one source.
constexpr uint64_t kNoticeMs = 60'000;

// Of kGpu, and of its groups that make no prefixes.
bool isGpu(std::string_view location) {
  return location == kGpu || (location.starts_with(kGpu) && location[kGpu.size()] == '/');
}

LocationStatement statementOf(const std::string& location) {
  LocationStatement statement;
  statement.location = location;
  return statement;
}

}  // namespace

// A hand-over while it is taken.
class Intake::Taking {
 public:
  explicit Taking(Handover&& given) : handover(std::move(given)) {}

  Handover handover;
  size_t at = 0;      // step
  size_t done = 0;    // of its operations
  size_t tries = 0;   // to take it
  size_t sample = 0;  // that the doctor is shown next
  std::set<SourceId> never;
};

Intake::Intake(Controller& controller, gateways::SocketThread& thread, kj::Timer& timer,
               NoticeSink& notices, HashDoctor& doctor, std::function<uint64_t()> random,
               const IntakeOptions& options)
    : controller_(controller),
      thread_(thread),
      timer_(timer),
      notices_(notices),
      doctor_(doctor),
      random_(std::move(random)),
      options_(options),
      tasks_(*this) {
  const Streams::Take take = [this](Handover&& handover) {
    return this->take(std::move(handover));
  };
  streams_ = thread_.make<Streams>(kj::getCurrentThreadExecutor(), take, options_.streams);
  if (!controller_.follows()) begin();
}

void Intake::begin() {
  for (const auto& [name, instance] : controller_.registry().tree().instances()) {
    for (const auto& [rank, worker] : instance->workers) {
      if (worker->record.source) open(place(*worker->record.source));
    }
  }
}

Intake::~Intake() noexcept {
  thread_.destroy(streams_);
}

uint64_t Intake::nowMs() const {
  return controller_.registry().nowMs();
}

Intake::Entry& Intake::place(const EngineSource& source) {
  auto& entry = entries_[source.name];
  entry = std::make_unique<Entry>(*this, source);
  return *entry;
}

const Worker* Intake::workerOf(const Entry& entry) const {
  const SourceName& name = entry.source.name;
  const Worker* worker = controller_.registry().tree().findWorker(name.instance, name.rank);
  return worker != nullptr && worker->record.source ? worker : nullptr;
}

void Intake::open(Entry& entry) {
  entry.id = nextId_++;
  byId_[entry.id] = &entry;
  const Worker* worker = workerOf(entry);
  const auto position = worker == nullptr ? std::nullopt : worker->record.position;
  entry.anew = worker != nullptr && !position && !worker->locations.empty();
  entry.lossy =
      worker != nullptr && std::any_of(worker->locations.begin(), worker->locations.end(),
                                       [](const auto& one) { return one->record.live.incomplete; });
  if (entry.lossy && options_.onLost) options_.onLost(entry.source);
  tasks_.add(
      thread_.executor().executeAsync([this, id = entry.id, source = entry.source, position]() {
        streams_->open(id, source, position);
      }));
}

void Intake::leave(Entry& entry) {
  if (entry.id == 0) return;
  if (entry.news.connected) --totals_.connected;
  entry.news = {};
  byId_.erase(entry.id);
  tasks_.add(thread_.executor().executeAsync(
      [this, id = std::exchange(entry.id, 0)]() { streams_->close(id); }));
}

void Intake::drop(const SourceName& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return;
  doctor_.forgotten(found->second->source.model, nameOf(found->second->source));
  leave(*found->second);
  entries_.erase(found);
}

kj::Promise<void> Intake::stop() {
  stopping_ = true;
  return thread_.executor().executeAsync([this]() { return streams_->closeAll(); });
}

// --- what comes ---

kj::Promise<void> Intake::take(Handover&& handover) {
  for (const SourceNews& news : handover.news) hear(news);
  return takeOn(kj::heap<Taking>(std::move(handover)));
}

void Intake::hear(const SourceNews& news) {
  const auto found = byId_.find(news.source);
  if (found == byId_.end()) return;
  Entry& entry = *found->second;
  if (!news.trouble.empty()) {
    notices_.notice(notice::EngineUnreachable{nameOf(entry.source), news.trouble});
  }
  // An idle engine has nothing to say: that it is there makes it a worker.
  if (news.connected && !entry.news.connected) entry.heartbeatMs = 0;
  count(entry.news, news);
  entry.news = news;
}

kj::Promise<void> Intake::takeOn(kj::Own<Taking> taking, kj::Duration after) {
  return timer_.afterDelay(after).then(
      [this, taking = kj::mv(taking)]() mutable { return takeOn(kj::mv(taking)); });
}

// Piece by piece, with a poll of the sockets after each.
kj::Promise<void> Intake::takeOn(kj::Own<Taking> taking) {
  size_t operations = 0;
  while (!stopping_ && taking->at < taking->handover.steps.size()) {
    const Step& step = taking->handover.steps[taking->at];
    const auto found = byId_.find(step.source);
    const bool skipped = found == byId_.end() || taking->never.contains(step.source);
    const size_t before = taking->done;
    Taken taken = skipped ? Taken::kNever : takeStep(*found->second, step, taking->done);
    // Others wait behind it.
    if (taken == Taken::kLater && ++taking->tries > kTriesMax) taken = Taken::kNever;
    if (taken == Taken::kLater) {
      return takeOn(kj::mv(taking), kLater);
    }
    if (taken == Taken::kNever && !skipped) {
      taking->never.insert(step.source);
      reopen(*found->second);
    }
    operations += taking->done - before + 16;
    if (taken == Taken::kNever || step.kind != Step::Kind::kOperations ||
        taking->done == step.keys.size()) {
      ++taking->at;
      taking->done = taking->tries = 0;
    }
    if (operations < kOperationsOfPiece) continue;
    return takeOn(kj::mv(taking), 0 * kj::MILLISECONDS);
  }
  if (!stopping_ && taking->sample < taking->handover.samples.size()) {
    doctor_.stored(taking->handover.samples[taking->sample++]);
    return takeOn(kj::mv(taking), 0 * kj::MILLISECONDS);
  }
  return kj::READY_NOW;
}

// The registry and the stream have parted: it is read again from where the registry is, in a while.
void Intake::reopen(Entry& entry) {
  leave(entry);
  entry.reopenMs = nowMs() + kReopenMs;
  if (workerOf(entry) == nullptr) gone_.insert(entry.source.name);
}

Intake::Taken Intake::takeStep(Entry& entry, const Step& step, size_t& done) {
  if (workerOf(entry) == nullptr) return Taken::kNever;
  if (step.kind == Step::Kind::kRestarted) {
    if (!registerAnew(entry).ok()) return Taken::kLater;
    doctor_.restarted(entry.source.model, nameOf(entry.source));
    notices_.notice(notice::EngineRestarted{nameOf(entry.source)});
    return Taken::kYes;
  }
  if (const Taken taken = needSession(entry); taken != Taken::kYes) return taken;
  switch (step.kind) {
    case Step::Kind::kOperations:
      return takeOperations(entry, step, done);
    case Step::Kind::kCleared:
      return takeClear(entry, step);
    case Step::Kind::kLost:
      return takeLoss(entry, step);
    case Step::Kind::kRestarted:
      break;
  }
  return Taken::kYes;
}

Intake::Taken Intake::takeOperations(Entry& entry, const Step& step, size_t& done) {
  if (step.keys.empty()) return Taken::kYes;
  if (const Taken taken = needLocation(entry, step.location); taken != Taken::kYes) return taken;
  const Location& location = *workerOf(entry)->find(step.location);
  const size_t size = std::min(kOperationsOfPiece, step.keys.size() - done);
  const Operations rest = step.operations().dropFirst(done);
  Report report{.location = location.record.name,
                .incarnation = location.record.live.incarnation,
                .firstSeq = location.lastSeq + 1,
                .operations = {rest.keys.first(size), rest.evicts}};
  if (rest.evicts.allAdmits()) report.operations.evicts = {};
  if (done + size == step.keys.size()) report.position = step.position;
  const auto outcome = controller_.take(input::Report{entry.session, report});
  if (!outcome.ok()) return Taken::kNever;
  if (outcome.value() == ReportOutcome::kRefused) return Taken::kLater;
  if (outcome.value() != ReportOutcome::kApplied) return Taken::kNever;
  done += size;
  return Taken::kYes;
}

Intake::Taken Intake::clear(Entry& entry, const std::string& name,
                            const std::optional<SourcePosition>& position) {
  const Location& location = *workerOf(entry)->find(name);
  const Clear clear{name, location.record.live.incarnation, location.lastSeq + 1, position};
  const auto outcome = controller_.take(input::Clear{entry.session, clear});
  if (!outcome.ok()) return Taken::kNever;
  if (outcome.value() == ReportOutcome::kRefused) return Taken::kLater;
  return outcome.value() == ReportOutcome::kApplied ? Taken::kYes : Taken::kNever;
}

std::vector<std::string> Intake::locationsOf(const Entry& entry) const {
  std::vector<std::string> names;
  for (const auto& location : workerOf(entry)->locations) names.push_back(location->record.name);
  return names;
}

Intake::Taken Intake::takeClear(Entry& entry, const Step& step) {
  std::vector<std::string> names = locationsOf(entry);
  if (!step.location.empty()) std::erase_if(names, [](const auto& name) { return !isGpu(name); });
  for (const std::string& name : names) {
    const auto position = &name == &names.back() ? step.position : std::nullopt;
    if (const Taken taken = clear(entry, name, position); taken != Taken::kYes) return taken;
  }
  if (step.location.empty()) entry.lossy = false;
  doctor_.restarted(entry.source.model, nameOf(entry.source));
  return Taken::kYes;
}

void Intake::lose(Entry& entry, const std::string& name) {
  const Location& location = *workerOf(entry)->find(name);
  const uint64_t incarnation = location.record.live.incarnation;
  controller_.take(input::OperationsLost{entry.session, OperationsLost{
                                                            .location = name,
                                                            .incarnation = incarnation,
                                                            .nextSeq = location.lastSeq + 1,
                                                            .newIncarnation = incarnation,
                                                        }});
}

Intake::Taken Intake::takeLoss(Entry& entry, const Step& step) {
  // Where nothing is held yet, what comes is to be known as not all.
  if (workerOf(entry)->locations.empty()) {
    const Taken taken = needLocation(entry, std::string(kGpu));
    if (taken != Taken::kYes) return taken;
  }
  for (const std::string& name : locationsOf(entry)) {
    if (!options_.keepAfterLoss) {
      if (const Taken taken = clear(entry, name, std::nullopt); taken != Taken::kYes) return taken;
    }
    lose(entry, name);
  }
  entry.lossy = true;
  if (options_.onLost) options_.onLost(entry.source);
  if (nowMs() < entry.noticeMs) return Taken::kYes;
  entry.noticeMs = nowMs() + kNoticeMs;
  const WorkerName worker = nameOf(entry.source);
  if (step.why.empty()) {
    notices_.notice(
        notice::EngineMessagesLost{worker, step.from, step.to, !options_.keepAfterLoss});
  } else {
    notices_.notice(notice::EngineMessageUnreadable{worker, step.from, step.why});
  }
  return Taken::kYes;
}

// --- registrations ---

Registration Intake::registrationOf(const Entry& entry) const {
  const EngineSource& source = entry.source;
  const EndpointAddress address = addressOf(source.endpoint);
  return {.instance = source.name.instance,
          .worker = source.name.rank,
          .ip = address.host,
          .port = address.port,
          .peerUrl = {},
          .model = source.model,
          .worldSize = 0,
          .run = 0,
          .attempt = 1,
          .locations = {},
          .labels = source.labels,
          .onLaterConnection = true,
          .source = source};
}

Result<Ticket> Intake::registerAnew(Entry& entry) {
  Registration registration = registrationOf(entry);
  registration.run = random_() | 1;
  const auto outcome = controller_.take(input::Register{registration, entry});
  if (!outcome.ok()) return outcome.error();
  entry.session = outcome.value().session;
  entry.anew = entry.lossy = false;
  entry.heartbeatMs = nowMs() + options_.heartbeatTimeoutMs / 3;
  return outcome.value().ticket;
}

// What is held goes on, with the statement's location if there is one.
Intake::Taken Intake::registerAgain(Entry& entry, const std::optional<LocationStatement>& added) {
  Registration registration = registrationOf(entry);
  const WorkerRecord& record = workerOf(entry)->record;
  registration.run = record.run;
  registration.attempt = record.attempt + 1;
  registration.resumes = true;
  for (const std::string& name : locationsOf(entry))
    registration.locations.push_back(statementOf(name));
  if (added) registration.locations.push_back(*added);
  const auto outcome = controller_.take(input::Register{registration, entry});
  if (!outcome.ok()) {
    return outcome.error().code == ErrorCode::kUnavailable ? Taken::kLater : Taken::kNever;
  }
  entry.session = outcome.value().session;
  entry.heartbeatMs = nowMs() + options_.heartbeatTimeoutMs / 3;
  return Taken::kYes;
}

Intake::Taken Intake::needSession(Entry& entry) {
  const Worker* worker = workerOf(entry);
  if (worker == nullptr) return Taken::kNever;
  if (entry.anew) return registerAnew(entry).ok() ? Taken::kYes : Taken::kLater;
  if (entry.session != kNoSession && worker->session == entry.session) return Taken::kYes;
  return registerAgain(entry, std::nullopt);
}

Intake::Taken Intake::needLocation(Entry& entry, const std::string& name) {
  if (workerOf(entry)->find(name) != nullptr) return Taken::kYes;
  LocationStatement empty = statementOf(name);
  empty.incarnation = random_() | 1;
  empty.beganEmpty = true;
  if (const Taken taken = registerAgain(entry, empty); taken != Taken::kYes) return taken;
  if (entry.lossy) lose(entry, name);
  return Taken::kYes;
}

void Intake::tick() {
  for (const SourceName& name : std::exchange(gone_, {})) {
    const auto found = entries_.find(name);
    if (found != entries_.end() && workerOf(*found->second) == nullptr) drop(name);
  }
  const uint64_t now = nowMs();
  static const std::vector<LocationStatement> kNone;
  for (const auto& [name, entry] : entries_) {
    for (const uint64_t number : std::exchange(entry->asked, {})) {
      const OperationOutcome refused{
          .status = OperationOutcome::Status::kFailed,
          .error = "an engine that is known by its events takes no operations on its cache"};
      controller_.take(input::Answered{entry->session, number, refused});
    }
    if (entry->id == 0 && now >= entry->reopenMs) open(*entry);
    if (!entry->news.connected || now < entry->heartbeatMs) continue;
    entry->heartbeatMs = now + options_.heartbeatTimeoutMs / 3;
    if (needSession(*entry) != Taken::kYes) continue;
    (void)controller_.take(input::Heartbeat{entry->session, kNone});
  }
}

void Intake::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "the thread of the sockets is gone: %s", kj::str(exception).cStr());
}

}  // namespace holdfast::engines
