#include "gateways/lmcache/gateway.h"

#include <utility>

#include "core/check.h"
#include "gateways/lmcache/encoder.h"
#include "serving/in_turns.h"

namespace holdfast::lmcache {
namespace {

// What a message costs beside its keys, in terms of ReadBudget.
constexpr size_t kMessageCost = 64;
// A registration writes to the store and shows up in the log.
constexpr size_t kRegistrationCost = ReadBudget::kBytesPerTurn;

size_t costOf(const Inbound& message) {
  if (message.type == Type::kRegister) return kRegistrationCost;
  return kMessageCost + message.keys.size() * sizeof(ChunkHash);
}

// One request at a time: its turns keep those behind it waiting, and nobody else.
bool isLookup(const Inbound& message) {
  return message.error.empty() && message.type == Type::kPeerLookup;
}

}  // namespace

Gateway::Gateway(Services& services, const Options& options, std::function<uint64_t()> random,
                 Orders* orders, Answers::Send send)
    : services_(services),
      options_(options),
      orders_(orders),
      counts_(services.measured.lmcache),
      fleet_(
          services.controller, options.fleet, random,
          [this](const Fleet::Key& key, const std::string& ip, uint32_t port) {
            return ordersTo(key, ip, port);
          },
          [this](const Fleet::Key& key) { syncs_->reset(key); }, counts_),
      lookup_(services.controller),
      answers_(std::move(send)),
      tasks_(std::make_unique<kj::TaskSet>(*this)) {
  syncs_ =
      std::make_unique<FullSyncs>(services, fleet_, std::move(random), options.fullSyncTimeoutMs);
  fleet_.adoptRecovered();
}

kj::Promise<void> Gateway::take(const std::vector<Inbound>& batch) {
  return takeFrom(batch, 0);
}

kj::Promise<void> Gateway::takeFrom(const std::vector<Inbound>& batch, size_t at) {
  if (at == batch.size()) return answers_.room();
  size_t end = at;
  size_t cost = 0;
  do {
    cost += costOf(batch[end]);
  } while (++end < batch.size() && cost + costOf(batch[end]) <= ReadBudget::kBytesPerTurn);
  return services_.budget.ready(cost)
      .then([this]() { return services_.waiters.room(); })
      .then([this, &batch, at, end]() -> kj::Promise<void> {
        for (size_t i = at; i < end; ++i) {
          if (isLookup(batch[i])) {
            return lookUpPeers(batch[i]).then(
                [this, &batch, i]() { return takeFrom(batch, i + 1); });
          }
          if (!handle(batch[i])) {
            return nextTick_.wait().then([this, &batch, i]() { return takeFrom(batch, i); });
          }
        }
        return takeFrom(batch, end);
      });
}

bool Gateway::handle(const Inbound& message) {
  if (!message.error.empty()) {
    malformed(message);
    return true;
  }
  switch (message.type) {
    case Type::kRegister:
      registered(message);
      return true;
    case Type::kDeRegister:
      ++counts_.deregistrations;
      fleet_.deregistered(message);
      return true;
    case Type::kHeartbeat:
      heartbeat(message);
      return true;
    case Type::kOperations:
      return reported(message);
    case Type::kSyncStart:
      ++counts_.syncMessages;
      answers_.give(message, syncs_->start(message));
      return true;
    case Type::kSyncBatch:
      if (message.batchEnds) ++counts_.syncMessages;
      syncs_->batch(message);
      return true;
    case Type::kSyncEnd:
      ++counts_.syncMessages;
      syncs_->end(message);
      return true;
    case Type::kSyncStatus:
      ++counts_.syncMessages;
      answers_.give(message, syncs_->status(message));
      return true;
    default:
      return true;  // nothing else is read
  }
}

void Gateway::malformed(const Inbound& message) {
  ++counts_.malformed;
  services_.warnings.say(notice::GatewayRefused{"LMCache", message.error});
  if (message.channel != Channel::kPush) answers_.give(message, error(message.error));
}

void Gateway::registered(const Inbound& message) {
  ++counts_.registrations;
  const bool answered = message.channel != Channel::kPush;
  const auto ticket = fleet_.registered(message);
  if (!answered) return;
  if (!ticket.ok()) return answers_.give(message, error(ticket.error().message));
  const Answers::Slot slot = answers_.open(message);
  tasks_->add(
      services_.waiters.committed(ticket.value())
          .then([this, slot]() { answers_.give(slot, lmcache::registered(options_.heartbeatUrl)); },
                [this, slot](kj::Exception&& e) {
                  answers_.give(slot, error(e.getDescription().cStr()));
                }));
}

void Gateway::heartbeat(const Inbound& message) {
  ++counts_.heartbeats;
  const bool answered = message.channel != Channel::kPush;
  const auto beat = fleet_.heartbeat(message, answered);
  if (!answered) return;
  if (!beat.ok()) return answers_.give(message, error(beat.error().message));
  const auto reason = beat.value().fullSync;
  const bool asked = reason && !syncs_->underWay({message.instance, message.worker});
  if (asked) ++counts_.syncsAsked;
  answers_.give(message, heartbeatAnswer(asked, asked ? reasonName(*reason) : std::string_view()));
}

bool Gateway::reported(const Inbound& message) {
  if (!services_.store.health().writable) return false;
  switch (fleet_.reported(message)) {
    case Fleet::Reported::kRefused:
      return false;
    case Fleet::Reported::kApplied:
      syncs_->reported(message);
      break;
    case Fleet::Reported::kDropped:
      break;
  }
  ++counts_.reports;
  counts_.operations += message.keys.size();
  return true;
}

kj::Promise<void> Gateway::lookUpPeers(const Inbound& message) {
  ++counts_.peerLookups;
  const SessionId session = fleet_.sessionOf(message.instance, message.worker);
  if (session == kNoSession) ++counts_.fromNobody;
  lookup_.begin(session, message.keys);
  const Answers::Slot slot = answers_.open(message);
  if (auto answer = lookup_.advance()) {
    answers_.give(slot, std::move(*answer));
    return kj::READY_NOW;
  }
  return inTurns(services_, [this, slot]() {
    auto answer = lookup_.advance();
    if (answer) answers_.give(slot, std::move(*answer));
    return !answer;
  });
}

std::unique_ptr<WorkerOrders> Gateway::ordersTo(const Fleet::Key& key, const std::string& ip,
                                                uint32_t port) {
  if (orders_ == nullptr) return nullptr;
  const auto endpoint = endpointOf(ip, port);
  // Without an address nobody listens, which is what every order will be told.
  WorkerOrders::Worker worker{.endpoint = endpoint.ok() ? endpoint.value() : std::string(),
                              .timeoutMs = {}};
  const auto& timeouts = services_.controller.options().executor.timeoutMs;
  for (size_t i = 0; i < kOperationKinds; ++i) worker.timeoutMs[i] = timeouts[i];
  return std::make_unique<WorkerOrders>(
      *orders_, std::move(worker), [this, key](uint64_t number, const OperationOutcome& outcome) {
        const SessionId session = fleet_.sessionOf(key.first, key.second);
        if (session != kNoSession) {
          services_.controller.take(input::Answered{session, number, outcome});
        }
      });
}

void Gateway::probe(const Fleet::Key& key, WorkerOrders& orders) {
  const auto& times = services_.controller.options().registry.lifeCycle;
  tasks_->add(orders.answers(static_cast<int64_t>(times.heartbeatTimeoutMs / 6) * kj::MILLISECONDS)
                  .then([this, key](bool answered) { fleet_.probed(key, answered); },
                        [this, key](kj::Exception&&) { fleet_.probed(key, false); }));
}

void Gateway::refused(uint64_t connections, const std::string& address) {
  counts_.addressesRefused += connections;
  services_.warnings.say(notice::GatewayRefused{
      "LMCache", "a connection from " + address + ", which --lmcache-allow does not include"});
}

void Gateway::tick() {
  if (stopped_) return;
  fleet_.tick([this](const Fleet::Key& key, WorkerOrders& orders) { probe(key, orders); });
  syncs_->tick();
  nextTick_.wakeAll();
}

void Gateway::stop() {
  stopped_ = true;
  tasks_ = std::make_unique<kj::TaskSet>(*this);
  syncs_->stop();
  answers_.stop();
  fleet_.stop();
}

void Gateway::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "the LMCache gateway could not go on: %s", kj::str(exception).cStr());
}

}  // namespace holdfast::lmcache
