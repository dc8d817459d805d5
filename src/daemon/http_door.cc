#include "daemon/http_door.h"

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/lmcache/routes.h"
#include "http/lookup.h"
#include "http/metrics_route.h"
#include "http/neutral/neutral_routes.h"
#include "http/openapi.h"
#include "http/operation_routes.h"
#include "http/operator_routes.h"
#include "http/probes.h"
#include "http/query_routes.h"
#include "http/watch_routes.h"
#include "serving/replica_gate.h"

namespace holdfast {
namespace {

using http::Readiness;

// Since the newest record of its group's log came: a leader that is there says something ten times
// a second.
constexpr uint64_t kStaleMs = 5'000;

Readiness readinessOf(const Services& services) {
  const StoreHealth health = services.store.health();
  const ReplicaView& replica = services.group.view();
  Readiness readiness;
  readiness.role = replicaRoleName(replica.role);
  if (!replica.takesWrites()) {
    const bool old = replica.role == ReplicaRole::kBootstrapping || replica.ageMs > kStaleMs;
    readiness.state = old ? Readiness::State::kStale : Readiness::State::kStandby;
    readiness.reason = leftToLeader(replica)->message;
  } else if (!health.writable) {
    readiness.state = Readiness::State::kReadOnly;
    readiness.reason = health.reason;
  }
  return readiness;
}

Readiness starting(Readiness::State state, uint64_t done, uint64_t total, double secondsRemaining) {
  Readiness readiness;
  readiness.state = state;
  if (total != 0 && done <= total) {
    readiness.done = static_cast<double>(done) / static_cast<double>(total);
  }
  if (secondsRemaining > 0) readiness.etaSeconds = secondsRemaining;
  return readiness;
}

// Adds the sockets of the addresses, and says where they are.
std::optional<Error> listenOnAll(const std::vector<std::string>& addresses,
                                 const Configuration& configuration, std::string_view what,
                                 std::vector<ListeningSocket>& sockets) {
  std::string names;
  for (const std::string& address : addresses) {
    auto bound = listenOn(address, configuration.unixSockets);
    if (!bound.ok()) return bound.error();
    for (ListeningSocket& socket : bound.value()) {
      names += (names.empty() ? "" : ", ") + socket.name;
      sockets.push_back(std::move(socket));
    }
  }
  if (!names.empty()) spdlog::info("{} on {}", what, names);
  return std::nullopt;
}

}  // namespace

Result<std::unique_ptr<HttpDoor>> HttpDoor::open(const Configuration& configuration,
                                                 const ServerTls* tls,
                                                 const AccessControl& access) {
  std::unique_ptr<HttpDoor> door(new HttpDoor(tls));
  std::vector<ListeningSocket> sockets;
  if (auto wrong = listenOnAll(configuration.http, configuration, "HTTP", sockets)) return *wrong;
  if (sockets.empty()) return door;
  door->probes_ = std::make_unique<http::ProbeServer>(std::move(sockets), HOLDFAST_VERSION, tls,
                                                      access, door->startNotices_);
  return door;
}

HttpDoor::~HttpDoor() = default;

void HttpDoor::report(const StartProgress& progress) {
  if (probes_ == nullptr) return;
  Readiness readiness = starting(Readiness::State::kRecovering, progress.done, progress.total,
                                 progress.secondsRemaining);
  readiness.reason = progress.phase;
  probes_->report(std::move(readiness));
}

void HttpDoor::report(const MigrationProgress& progress) {
  if (probes_ == nullptr) return;
  Readiness readiness = starting(Readiness::State::kMigrating, progress.bytesDone,
                                 progress.bytesTotal, progress.secondsRemaining);
  readiness.reason = progress.step;
  probes_->report(std::move(readiness));
}

std::optional<Error> HttpDoor::serve(const Configuration& configuration, Services& services,
                                     WatchLog& watch, kj::UnixEventPort& port) {
  std::vector<ListeningSocket> lmcache;
  if (auto wrong =
          listenOnAll(configuration.lmcache.http, configuration, "LMCache's HTTP", lmcache)) {
    return wrong;
  }
  if (configuration.http.empty() && lmcache.empty()) return std::nullopt;
  // LMCache's scripts have no token: where nobody has one, they need none.
  const bool open = configuration.lmcache.insecure && configuration.tokenFile.empty();
  for (size_t i = 0; open && i < lmcache.size(); ++i) lmcache[i].trust = Trust::kLocal;
  http::addLookups(routes_, services);
  http::addQueryRoutes(routes_, services);
  http::addOperationRoutes(routes_, services);
  http::addOperatorRoutes(routes_, services);
  http::addNeutralRoutes(routes_, services, services.facts.engines);
  http::addWatchRoutes(routes_, services, watch, port.getTimer());
  for (http::RouteTable* table : {&routes_, &lmcacheRoutes_}) {
    http::addProbes(*table, HOLDFAST_VERSION, [&services]() { return readinessOf(services); });
    http::lmcache::addRoutes(*table, services);
    http::addMetricsRoute(*table, services);
    http::addOpenApi(*table, HOLDFAST_VERSION);
  }
  server_ = std::make_unique<http::Server>(routes_, http::groundsOf(services, port, bodies_, tls_));
  if (probes_ != nullptr) {
    for (ListeningSocket& socket : probes_->take()) server_->listen(std::move(socket));
  }
  for (ListeningSocket& socket : lmcache) server_->listen(std::move(socket), lmcacheRoutes_);
  probes_ = nullptr;
  return std::nullopt;
}

void HttpDoor::stop() {
  if (server_ != nullptr) server_->stop();
  server_ = nullptr;
}

}  // namespace holdfast
