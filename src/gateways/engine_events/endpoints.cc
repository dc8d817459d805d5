#include "gateways/engine_events/endpoints.h"

#include <charconv>
#include <string_view>

#include "core/ids.h"
#include "core/limits.h"

namespace holdfast::engines {
namespace {

constexpr std::string_view kTcp = "tcp://";
constexpr std::string_view kIpc = "ipc://";
constexpr size_t kEndpointBytesMax = 1024;
constexpr uint32_t kRankMax = 65'535;

// The port at the end of "tcp://HOST:PORT"; nothing where there is none from 1 to 65535.
std::optional<uint16_t> portOf(std::string_view endpoint) {
  const size_t colon = endpoint.rfind(':');
  if (colon < kTcp.size() || colon == std::string_view::npos) return std::nullopt;
  const std::string_view text = endpoint.substr(colon + 1);
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

std::optional<std::string> wrongEndpoint(std::string_view what, std::string_view endpoint,
                                         bool bind) {
  if (auto wrong = invalidId(what, endpoint, kEndpointBytesMax)) return wrong;
  if (endpoint.starts_with(kIpc) && endpoint.size() > kIpc.size()) return std::nullopt;
  const std::string said = std::string(what) + " " + quotedForPeople(endpoint);
  if (!endpoint.starts_with(kTcp) || !portOf(endpoint)) {
    return said + " is neither tcp://HOST:PORT nor ipc://PATH";
  }
  if (endpoint.substr(kTcp.size()).starts_with('*') && !bind) {
    return said + " is where the engine listens: name its address instead of *";
  }
  return std::nullopt;
}

}  // namespace

EndpointAddress addressOf(const std::string& endpoint) {
  const auto port = portOf(endpoint);
  if (!port || !endpoint.starts_with(kTcp)) return {};
  std::string host = endpoint.substr(kTcp.size(), endpoint.rfind(':') - kTcp.size());
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host.substr(0, kIpBytesMax), *port};
}

std::optional<std::string> endpointOfRank(const std::string& endpoint, uint32_t rank) {
  if (rank == 0) return endpoint;
  const auto port = portOf(endpoint);
  if (!port || !endpoint.starts_with(kTcp) || rank > 65'535u - *port) return std::nullopt;
  return endpoint.substr(0, endpoint.rfind(':') + 1) + std::to_string(*port + rank);
}

std::optional<std::string> invalidSource(const EngineSource& source) {
  if (auto bad = invalidId("instance id", source.name.instance, kInstanceIdBytesMax)) return bad;
  if (source.name.rank > kRankMax) {
    return "rank " + std::to_string(source.name.rank) + " is over " + std::to_string(kRankMax);
  }
  if (auto bad = wrongEndpoint("endpoint", source.endpoint, source.bind)) return bad;
  if (!source.replayEndpoint.empty()) {
    if (auto bad = wrongEndpoint("replay endpoint", source.replayEndpoint, false)) return bad;
  }
  if (auto bad = invalidText("topic", source.topic, kEndpointBytesMax)) return bad;
  if (auto bad = invalidText("model", source.model, kModelBytesMax)) return bad;
  if (source.blockSize > kBlockTokensMax) {
    return "a block size of " + std::to_string(source.blockSize) + " tokens is over " +
           std::to_string(kBlockTokensMax);
  }
  if (auto bad = invalidText("routing group", source.routingGroup, kModelBytesMax)) return bad;
  if (auto bad = invalidText("additional salt", source.additionalSalt, kModelBytesMax)) return bad;
  if (auto bad = invalidText("http address", source.http, kEndpointBytesMax)) return bad;
  return invalidLabels(source.labels);
}

std::string describe(const SourceName& name) {
  return "instance " + quotedForPeople(name.instance) + " rank " + std::to_string(name.rank);
}

}  // namespace holdfast::engines
