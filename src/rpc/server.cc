#include "rpc/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

namespace holdfast {
namespace {

// The flow window of stream calls is the send buffer; small ones cost throughput.
constexpr int kSocketBufferBytes = 1 << 20;

void atLeast(int socket, int option) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  if (getsockopt(socket, SOL_SOCKET, option, &bytes, &size) == 0 && bytes >= kSocketBufferBytes) {
    return;
  }
  setsockopt(socket, SOL_SOCKET, option, &kSocketBufferBytes, sizeof(kSocketBufferBytes));
}

void prepare(int socket, bool tcp) {
  atLeast(socket, SO_SNDBUF);
  atLeast(socket, SO_RCVBUF);
  if (tcp) {
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
}

uint64_t sampleOf(const HashSettings& settings) {
  std::vector<uint32_t> tokens(settings.chunkSize);
  std::iota(tokens.begin(), tokens.end(), 0);
  std::vector<uint64_t> hashes;
  TokenHasher(settings).hash(tokens, hashes);
  return hashes.front();
}

std::string peerOf(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return "a client";
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    return std::string(text) + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    return "[" + std::string(text) + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  return "a client of the Unix socket";
}

}  // namespace

Server::Server(const ServerOptions& options, ProcessFacts facts, Inputs& inputs,
               RegistryStore& store, EventSink& events, LoopTurns& turns, kj::UnixEventPort& port)
    : port_(port),
      services_{.options = options,
                .facts = std::move(facts),
                .inputs = inputs,
                .registry = inputs.registry(),
                .executor = inputs.executor(),
                .store = store,
                .events = events,
                .turns = turns,
                .waiters = CommitWaiters(inputs.registry().ledger(), store),
                .eventWaiters = {},
                .crowd = TurnPacer(port.getTimer(), options.crowdIntervalUs * kj::MICROSECONDS),
                .budget = ReadBudget(port.getTimer(), turns),
                .hasher = TokenHasher(options.hashing),
                .hashSample = sampleOf(options.hashing),
                .lookup = inputs.newLookup(),
                .lookups = {},
                .lookupWindow = {}},
      tasks_(kj::heap<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this))) {
  inputs.onSettled([this](const Event& event) { services_.eventWaiters.settled(event.record); });
}

Server::~Server() {
  services_.inputs.onSettled({});
  for (const Listener& listener : listeners_) {
    if (!listener.unixPath.empty()) unlink(listener.unixPath.c_str());
  }
}

Result<std::vector<std::string>> Server::listen(std::string_view address) {
  auto sockets = listenOn(address);
  if (!sockets.ok()) return sockets.error();
  std::vector<std::string> names;
  for (ListeningSocket& socket : sockets.value()) {
    names.push_back(socket.name);
    listeners_.emplace_back(port_, services_.turns, kj::mv(socket));
    tasks_->add(acceptFrom(listeners_.back()));
  }
  return names;
}

kj::Promise<void> Server::acceptFrom(Listener& listener) {
  return listener.acceptor.accept().then(
      [this, &listener](AcceptedSocket&& socket) {
        accepted(listener, kj::mv(socket));
        return services_.crowd.myTurn().then([this, &listener]() { return acceptFrom(listener); });
      },
      [this, &listener](kj::Exception&& e) {
        // Out of file descriptors, most likely: that passes.
        services_.warn("cannot accept a connection on " + listener.name + ": " +
                       e.getDescription().cStr());
        return port_.getTimer().afterDelay(100 * kj::MILLISECONDS).then([this, &listener]() {
          return acceptFrom(listener);
        });
      });
}

void Server::accepted(Listener& listener, AcceptedSocket socket) {
  if (connections_.size() >= services_.options.connectionsMax) {
    if (!warnedFull_) {
      services_.warn("refusing connections: " + std::to_string(connections_.size()) +
                     " are open, the limit is " + std::to_string(services_.options.connectionsMax));
    }
    warnedFull_ = true;
    return;
  }
  warnedFull_ = false;
  prepare(socket.fd.get(), listener.unixPath.empty());
  std::string peer = peerOf(socket.fd.get());
  const auto connection =
      connections_.emplace(connections_.end(), services_, port_, kj::mv(socket), std::move(peer));
  tasks_->add(connection->onEnd()
                  .catch_([](kj::Exception&&) {})
                  .then([this]() { return services_.crowd.myTurn(); })
                  .then([this, connection]() { ended(connection); }));
}

void Server::ended(Connections::iterator connection) {
  if (const std::string reason = connection->endReason(); !reason.empty()) {
    services_.warn("closing the connection of " + connection->peer() + ": " + reason);
  }
  connections_.erase(connection);
}

void Server::storePolled() {
  services_.inputs.storePolled();
  services_.waiters.polled();
}

void Server::checkConnections() {
  for (Connection& connection : connections_) connection.check();
}

void Server::stop() {
  tasks_ = nullptr;
  for (Connection& connection : connections_) connection.abandon();
  connections_.clear();
}

void Server::taskFailed(kj::Exception&& exception) {
  services_.warn(std::string("internal error: ") + exception.getDescription().cStr());
}

}  // namespace holdfast
