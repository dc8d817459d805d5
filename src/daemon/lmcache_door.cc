#include "daemon/lmcache_door.h"

#include <spdlog/spdlog.h>

#include <charconv>
#include <utility>
#include <vector>

#include "net/listen_address.h"

namespace holdfast {
namespace {

using lmcache::Channel;

// The address that was asked for, with the port that was bound: ZeroMQ writes IPv4 ones as IPv6.
std::string boundAddress(const std::string& asked, const std::string& endpoint) {
  return asked.substr(0, asked.rfind(':')) + endpoint.substr(endpoint.rfind(':'));
}

std::string endpointOf(const std::string& address) {
  return address.empty() ? std::string() : "tcp://" + address;
}

std::vector<gateways::AddressRange> rangesOf(const std::vector<std::string>& texts) {
  std::vector<gateways::AddressRange> ranges;
  for (const std::string& text : texts) ranges.push_back(*gateways::parseAddressRange(text));
  return ranges;
}

lmcache::Fleet::Options fleetOptions(const Configuration::Lmcache& options) {
  lmcache::Fleet::Options fleet;
  fleet.hideGaps = options.gap == "hide";
  const auto setting = [&](const std::string& text) -> std::pair<std::string, std::string> {
    const size_t at = text.rfind('=');
    return {text.substr(0, at), text.substr(at + 1)};
  };
  for (const std::string& text : options.models) {
    const auto [pattern, model] = setting(text);
    fleet.instances.push_back({.pattern = pattern, .model = model, .worldSize = 0});
  }
  for (const std::string& text : options.worldSizes) {
    const auto [pattern, size] = setting(text);
    uint32_t ranks = 0;
    std::from_chars(size.data(), size.data() + size.size(), ranks);
    fleet.instances.push_back({.pattern = pattern, .model = {}, .worldSize = ranks});
  }
  return fleet;
}

}  // namespace

LmcacheDoor::LmcacheDoor(const Configuration& configuration, gateways::SocketThread& thread)
    : options_(configuration.lmcache),
      fullSyncTimeoutMs_(configuration.fullSyncTimeoutMs),
      thread_(thread),
      heartbeatUrl_(configuration.lmcache.heartbeatUrl) {}

LmcacheDoor::~LmcacheDoor() {
  if (sockets_ != nullptr) thread_.destroy(sockets_);
}

std::optional<Error> LmcacheDoor::refused(const Configuration::Lmcache& options) {
  for (const std::string& address : {options.pull, options.reply, options.heartbeat}) {
    if (address.empty() || options.insecure || isLocal(address)) continue;
    return Error{ErrorCode::kRefused,
                 "refusing to listen on " + address +
                     " for LMCache's workers: it can be reached from other machines, and their "
                     "wire knows neither tokens nor TLS; say --lmcache-insecure where nobody else "
                     "reaches that network, with --lmcache-allow for the addresses of the workers"};
  }
  return std::nullopt;
}

Result<std::unique_ptr<LmcacheDoor>> LmcacheDoor::open(const Configuration& configuration,
                                                       gateways::SocketThread& thread) {
  std::unique_ptr<LmcacheDoor> door(new LmcacheDoor(configuration, thread));
  if (configuration.replication.on()) {
    spdlog::info(
        "LMCache's workers are the leader's: their addresses are bound when this one leads");
    return door;
  }
  if (auto error = door->bind()) return *error;
  return door;
}

std::optional<Error> LmcacheDoor::bind() {
  const lmcache::Sockets::Options endpoints{
      .endpoints = {endpointOf(options_.pull), endpointOf(options_.reply),
                    endpointOf(options_.heartbeat)},
      .allowed = rangesOf(options_.allow)};
  sockets_ = thread_.make<lmcache::Sockets>(endpoints);
  auto failed = thread_.executor().executeSync([this]() -> std::optional<Error> {
    constexpr std::pair<Channel, const char*> kChannels[] = {
        {Channel::kPush, "--lmcache-pull"},
        {Channel::kRequest, "--lmcache-reply"},
        {Channel::kHeartbeat, "--lmcache-heartbeat"}};
    for (const auto& [channel, option] : kChannels) {
      auto error = sockets_->bind(channel);
      if (error) return Error{error->code, std::string(option) + ": " + error->message};
    }
    const auto bound = [this](const std::string& asked, Channel channel) {
      return boundAddress(asked, sockets_->boundTo(channel));
    };
    std::string heartbeat;
    if (!options_.heartbeat.empty()) heartbeat = bound(options_.heartbeat, Channel::kHeartbeat);
    spdlog::info("taking LMCache's workers: reports to {}, requests to {}{}",
                 bound(options_.pull, Channel::kPush), bound(options_.reply, Channel::kRequest),
                 heartbeat.empty() ? "" : ", heartbeats to " + heartbeat);
    if (heartbeatUrl_.empty()) heartbeatUrl_ = heartbeat;
    return std::nullopt;
  });
  if (failed) thread_.destroy(sockets_);
  return failed;
}

kj::Promise<void> LmcacheDoor::send(std::vector<lmcache::Answer> answers) {
  return thread_.executor().executeAsync(
      [this, answers = std::move(answers)]() { sockets_->send(answers); });
}

void LmcacheDoor::tick() {
  constexpr uint32_t kTicksOfSecond = 10;
  if (serveAgain_ && ++ticks_ == kTicksOfSecond) std::exchange(serveAgain_, {})();
  if (gateway_ != nullptr) gateway_->tick();
}

void LmcacheDoor::serve(Services& services, std::function<uint64_t()> random) {
  if (sockets_ != nullptr) return begin(services, std::move(random));
  const auto failed = bind();
  if (!failed) return begin(services, std::move(random));
  if (!bindFailed_) {
    spdlog::error("LMCache's workers cannot be taken: {}; trying again every second",
                  failed->message);
  }
  bindFailed_ = true;
  ticks_ = 0;
  serveAgain_ = [this, &services, random = std::move(random)]() { serve(services, random); };
}

void LmcacheDoor::begin(Services& services, std::function<uint64_t()> random) {
  orders_ = std::make_unique<lmcache::Orders>(thread_);
  const lmcache::Gateway::Options gateway{.fleet = fleetOptions(options_),
                                          .heartbeatUrl = heartbeatUrl_,
                                          .fullSyncTimeoutMs = fullSyncTimeoutMs_};
  gateway_ = std::make_unique<lmcache::Gateway>(
      services, gateway, std::move(random), orders_.get(),
      [this](std::vector<lmcache::Answer> answers) { return send(std::move(answers)); });
  const kj::Executor& loop = kj::getCurrentThreadExecutor();
  thread_.executor().executeSync([&]() {
    sockets_->begin(
        loop, [this](const std::vector<lmcache::Inbound>& batch) { return gateway_->take(batch); },
        [this](uint64_t connections, const std::string& address) {
          gateway_->refused(connections, address);
        });
  });
}

kj::Promise<void> LmcacheDoor::stop() {
  // Not executeSync: what the sockets wait for on this loop is cancelled here.
  return thread_.executor().executeAsync([this]() { sockets_.reset(); }).then([this]() {
    if (gateway_ != nullptr) gateway_->stop();
    orders_.reset();
  });
}

}  // namespace holdfast
