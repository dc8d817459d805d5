#include "daemon/group.h"

#include <spdlog/spdlog.h>

#include <cstdlib>
#include <fstream>
#include <utility>

#include "daemon/nats_module.h"
#include "daemon/part_options.h"
#include "migrations/migrations.h"

namespace holdfast {
namespace {

using replication::LoggedStoreOptions;
using replication::MemberOptions;
using replication::NatsOptions;

// Several times within what counts as silence of a leader.
constexpr uint64_t kTickMs = 20;
// More has not passed for the group between two ticks: what came meanwhile is read first.
constexpr uint64_t kStepMsMax = 100;
// A leader that is asked answers some times a second.
constexpr uint64_t kAnswersSaidEveryMs = 10'000;
constexpr kj::Duration kConfirmTimeMax = 5 * kj::SECONDS;
constexpr kj::Duration kAnswerTime = 200 * kj::MILLISECONDS;
constexpr kj::Duration kRetireTimeMax = 2 * kj::SECONDS;

Result<NatsOptions> natsOptions(const Configuration::Replication& from,
                                std::function<void()> notify) {
  NatsOptions options;
  options.servers = from.servers;
  options.cluster = from.cluster;
  options.user = from.user;
  if (!from.passwordFile.empty()) {
    std::ifstream file(from.passwordFile);
    if (!std::getline(file, options.password)) {
      return Error{ErrorCode::kInvalid,
                   "the file of --nats-password-file cannot be read, or is "
                   "empty: " +
                       from.passwordFile};
    }
  }
  options.credentialsFile = from.credentialsFile;
  options.tls = from.tls;
  options.caFile = from.caFile;
  options.certificateFile = from.certificateFile;
  options.keyFile = from.keyFile;
  options.replicas = from.replicas;
  options.bytesMax = from.bytesMax;
  options.notify = std::move(notify);
  return options;
}

Result<std::unique_ptr<replication::Log>> openLog(const NatsOptions& options) {
  const auto module = natsModule();
  if (!module.ok()) return module.error();
  return module.value()->open(options);
}

LoggedStoreOptions storeOptions(Wakeup& wakeup) {
  LoggedStoreOptions options;
  options.notify = [&wakeup]() { wakeup.signal(); };
  return options;
}

}  // namespace

Group::Group(const Configuration& configuration, RocksStore& store, Wakeup& storeWakeup,
             kj::UnixEventPort& port)
    : configuration_(configuration),
      storeWakeup_(storeWakeup),
      logWakeup_(port),
      clock_([&store]() { return store.timeMs(); }, kStepMsMax),
      store_(store, clock_, storeOptions(storeWakeup)),
      tasks_(*this) {}

Group::~Group() noexcept = default;

Result<bool> Group::logIsEmpty(const Configuration& configuration) {
  const auto options = natsOptions(configuration.replication, []() {});
  if (!options.ok()) return options.error();
  const auto opened = openLog(options.value());
  if (!opened.ok()) return opened.error();
  return opened.value()->state().last == 0;
}

Result<std::unique_ptr<Group>> Group::open(const Configuration& configuration, RocksStore& store,
                                           Wakeup& storeWakeup, kj::UnixEventPort& port) {
  std::unique_ptr<Group> group(new Group(configuration, store, storeWakeup, port));
  auto options =
      natsOptions(configuration.replication, [wakeup = &group->logWakeup_]() { wakeup->signal(); });
  if (!options.ok()) return options.error();
  if (const auto place = store.place()) {
    options.value().identity = place->identity;
    options.value().sequence = place->sequence;
  }
  auto opened = openLog(options.value());
  if (!opened.ok()) return opened.error();
  group->log_ = std::move(opened.value());
  group->tellOfLog();
  return group;
}

std::optional<Error> Group::start(Controller& controller, std::function<uint64_t()> random,
                                  const std::string& address, kj::Network& network,
                                  kj::Timer& timer, Events events) {
  controller_ = &controller;
  timer_ = &timer;
  events_ = std::move(events);
  const Configuration::Replication& options = configuration_.replication;
  const RecoveryReport& recovered = controller.recovered();
  if (recovered.behind != 0 || recovered.quarantined != 0) {
    return Error{ErrorCode::kRefused,
                 "the store is damaged or has lost something, so it is not what the group has: "
                 "start on an empty directory in place of this data directory, with --join naming "
                 "other controllers of the group: it copies the store of one of them"};
  }
  const std::string advertised = options.advertise.empty() ? address : options.advertise;
  MemberOptions of{.node = options.node.empty() ? advertised : options.node,
                   .address = advertised,
                   .format = newestFormat(),
                   .silenceMsMax = options.silenceMs,
                   .askLeader = [this](const std::string& leader) { question_->ask(leader); },
                   .systemMs = &LoopClock::systemMs};
  question_ = std::make_unique<peering::LeaderQuestion>(
      network, timer, replicaSecurity(configuration_), of.answerMsMax,
      [this](const Result<ReplicaStatus>& answer) { leaderAnswered(answer); });
  member_ = std::make_unique<replication::Member>(*log_, store_, controller.replica(), clock_,
                                                  std::move(random), std::move(of));
  const bool hasContent =
      !controller.registry().tree().instances().empty() || !controller.replica().events().empty();
  clock_.tick();
  if (auto wrong = member_->start(hasContent)) return wrong;
  spdlog::info("following the log of group '{}' from record {} (epoch {}, frame {})",
               options.cluster, member_->read().sequence + 1, member_->read().at.epoch,
               member_->read().at.index);
  tasks_.add(poll());
  tasks_.add(tick());
  return std::nullopt;
}

const ReplicaView& Group::view() {
  return member_ == nullptr ? starting_ : member_->view();
}

void Group::stepDown(std::function<void(const std::optional<Error>&)> done) {
  if (member_ != nullptr) return member_->stepDown(std::move(done));
  done(Error{ErrorCode::kRefused, "it does not lead"});
}

kj::Promise<void> Group::poll() {
  return logWakeup_.signalled().then([this]() -> kj::Promise<void> {
    if (stopping_ && !member_->leads()) return kj::READY_NOW;
    if (member_->step()) logWakeup_.signal();
    look();
    return poll();
  });
}

kj::Promise<void> Group::tick() {
  return timer_->afterDelay(kTickMs * kj::MILLISECONDS).then([this]() {
    // What came of the log is read before anybody is called silent.
    return kj::evalLast([this]() {
             clock_.tick();
             if (stopping_ && !member_->leads()) return;
             if (member_->step()) logWakeup_.signal();
             member_->tick();
             look();
             tellOfLog();
             // Its health may be another one by now.
             if (member_->leads()) storeWakeup_.signal();
           })
        .then([this]() { return tick(); });
  });
}

// What has changed of the log itself.
void Group::tellOfLog() {
  const replication::LogState now = log_->state();
  if (!now.connected && connected_) {
    spdlog::warn("{}: nothing is confirmed and nothing followed until one of them is back",
                 now.reason);
  } else if (now.connected && !connected_) {
    spdlog::info("the servers of the group's log are back");
  }
  connected_ = now.connected;
  if (now.warning == warning_) return;
  warning_ = now.warning;
  if (!warning_.empty()) spdlog::warn("the log of the group: {}", warning_);
}

// What has come of it.
void Group::look() {
  if (ended_) return;
  if (member_->ended()) {
    ended_ = true;
    if (stopping_) return;
    // Whoever asked it to step down is answered first.
    const kj::Duration grace = member_->deposed() ? kAnswerTime : 0 * kj::MILLISECONDS;
    tasks_.add(timer_->afterDelay(grace).then(
        [this]() { events_.onEnd(*member_->ended(), member_->deposed()); }));
    return;
  }
  const ReplicaView& view = member_->view();
  if (view.role != role_) {
    if (view.role == ReplicaRole::kCandidate) {
      spdlog::info("nothing comes of a leader: wants to lead (epoch {}, frame {})", view.epoch,
                   view.index);
    }
    role_ = view.role;
  }
  if (member_->leads() && controller_->follows()) {
    spdlog::info("leading group '{}': epoch {}, from frame {}", configuration_.replication.cluster,
                 view.epoch, view.index);
    leader_ = view.leader;
    controller_->lead();
    events_.onLead();
  } else if (member_->leads()) {
    lookWhetherCutOff();
  } else if (view.leader != leader_) {
    leader_ = view.leader;
    controller_->leaderIs(leader_);
    spdlog::info("the leader of group '{}' is {} (epoch {})", configuration_.replication.cluster,
                 leader_, view.epoch);
  }
}

// Of a leader of which nothing comes: it may be that the log is slow to this controller alone.
void Group::leaderAnswered(const Result<ReplicaStatus>& answer) {
  if (!answer.ok()) {
    spdlog::info("nothing comes of the leader, and it does not answer: {}", answer.error().message);
    return member_->leaderSilent();
  }
  const ReplicaStatus& leader = answer.value();
  // One that is cut off does not know whether it leads.
  if (leader.role != replicaRoleName(ReplicaRole::kLeader)) {
    spdlog::info("nothing comes of the leader, which says that it is {}", leader.role);
    return member_->leaderSilent();
  }
  const uint64_t nowMs = clock_.steadyMs();
  if (!answerSaidMs_ || nowMs >= *answerSaidMs_ + kAnswersSaidEveryMs) {
    answerSaidMs_ = nowMs;
    spdlog::info(
        "nothing comes of the leader, which answers that it leads epoch {}, and that the log "
        "acknowledged something {} ms ago: the log is slow to this controller",
        leader.epoch, leader.ageMs);
  }
  member_->leaderAnswered(leader.epoch, leader.ageMs);
}

void Group::lookWhetherCutOff() {
  if (stopping_ || cutOff_ == member_->cutOff()) return;
  cutOff_ = member_->cutOff();
  controller_->cutOff(cutOff_);
  if (!cutOff_) return spdlog::info("the log of the group is back, and this controller leads");
  spdlog::warn(
      "cut off from the log of the group, which acknowledges nothing: another controller may lead "
      "by now; workers are sent on");
  events_.onCutOff();
}

kj::Promise<void> Group::waitUntil(std::function<bool()> done, kj::Duration most) {
  if (done() || most <= 0 * kj::MILLISECONDS) return kj::READY_NOW;
  const kj::Duration step = kTickMs * kj::MILLISECONDS;
  return timer_->afterDelay(step).then([this, done = std::move(done), most, step]() mutable {
    return waitUntil(std::move(done), most - step);
  });
}

kj::Promise<void> Group::handOver() {
  if (member_ == nullptr || !member_->leads() || ended_) return kj::READY_NOW;
  return waitUntil([this]() { return store_.quiet() || ended_; }, kConfirmTimeMax)
      .then([this]() -> kj::Promise<void> {
        if (ended_) return kj::READY_NOW;
        member_->retire();
        return waitUntil([this]() { return member_->retired(); }, kRetireTimeMax);
      });
}

std::optional<Error> Group::unconfirmed() const {
  if (member_ == nullptr || !member_->leads() || store_.quiet()) return std::nullopt;
  return Error{ErrorCode::kUnavailable,
               "the log of the group has not taken all that was reported: that is not confirmed, "
               "and workers send it again to whoever leads next"};
}

void Group::taskFailed(kj::Exception&& exception) {
  // No task here is expected to fail.
  spdlog::critical("broken invariant in the group: {}", kj::str(exception).cStr());
  std::abort();
}

}  // namespace holdfast
