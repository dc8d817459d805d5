#include "rpc/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/notice.h"

namespace holdfast {
namespace {

// The flow window of stream calls is the send buffer; small ones cost throughput.
constexpr int kSocketBufferBytes = 1 << 20;
// What the RPC system of a connection costs to make, or to destroy, in terms of ReadBudget.
constexpr size_t kProtocolCostBytes = 4 << 10;

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

GroupMember& memberOf(const ProcessFacts& facts, NoGroup& alone) {
  return facts.group != nullptr ? *facts.group : alone;
}

}  // namespace

Server::Server(const ServerOptions& options, ProcessFacts facts, Controller& controller,
               RegistryStore& store, NoticeSink& notices, AccessControl& access, LoopTurns& turns,
               kj::UnixEventPort& port)
    : port_(port),
      services_{.options = options,
                .facts = std::move(facts),
                .controller = controller,
                .registry = controller.registry(),
                .executor = controller.executor(),
                .store = store,
                .notices = notices,
                .access = access,
                .group = memberOf(services_.facts, alone_),
                .turns = turns,
                .waiters = CommitWaiters(controller.registry().ledger(), store),
                .eventWaiters = {},
                .crowd = TurnPacer(port.getTimer(), options.crowdIntervalUs * kj::MICROSECONDS),
                .budget = ReadBudget(port.getTimer(), turns),
                .hasher = TokenHasher(options.hashing),
                .hashSample = sampleOf(options.hashing),
                .lookup = controller.newLookup(),
                .lookups = {},
                .lookupWindow = {},
                .connections = 0,
                .warnings = LimitedWarnings(notices, port.getTimer()),
                .audit = Audit(notices, services_.warnings),
                .held = HeldBytes({.each = options.heldByOneMax, .all = options.heldByAllMax}),
                .addresses = AddressCounts(options.connectionsPerAddress),
                .ends = {}},
      door_{.port = port,
            .turns = turns,
            .budget = services_.budget,
            .held = services_.held,
            .tls = options.tls,
            .handshakeTimeout = options.handshakeTimeoutMs * kj::MILLISECONDS},
      accepts_(port.getTimer(), services_.warnings, services_.connections,
               {.accepted = [this](AcceptedSocket socket) { accepted(kj::mv(socket)); },
                .makeRoom = [this]() { return makeRoom(); }}),
      tasks_(kj::heap<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this))) {
  controller.onSettled([this](const Event& event) {
    services_.measured.settled(event.record);
    services_.eventWaiters.settled(event.record);
  });
}

Server::~Server() {
  services_.controller.onSettled({});
  for (const Acceptor& listener : listeners_) {
    if (listener.listening().isUnix()) unlink(listener.listening().unixPath.c_str());
  }
}

Result<std::vector<std::string>> Server::listen(std::string_view address,
                                                const SocketAccess& unixSockets) {
  auto sockets = listenOn(address, unixSockets);
  if (!sockets.ok()) return sockets.error();
  std::vector<std::string> names;
  for (ListeningSocket& socket : sockets.value()) {
    names.push_back(socket.name);
    listeners_.emplace_back(port_, services_.turns, kj::mv(socket));
    tasks_->add(accepts_.from(listeners_.back()));
  }
  return names;
}

bool Server::makeRoom() {
  const auto oldest = std::find_if(silent_.begin(), silent_.end(),
                                   [](const Connection& one) { return !one.endsSoon(); });
  if (oldest == silent_.end()) return false;
  oldest->endSoon(ConnectionEnd::kMadeRoom, {});
  return true;
}

bool Server::admits(const AcceptedSocket& socket) {
  const size_t max = services_.options.connectionsMax;
  if (services_.connections >= max) {
    const bool room = makeRoom();
    services_.warnings.say(notice::ConnectionsFull{!room, services_.connections, max});
    if (!room) services_.ends.count(ConnectionEnd::kRefused);
    if (!room) return false;
  }
  if (services_.addresses.enter(socket.address)) return true;
  services_.ends.count(ConnectionEnd::kAddressFull);
  services_.warnings.say(notice::ConnectionClosed{
      peerName(socket.fd.get()), "its address has " +
                                     std::to_string(services_.options.connectionsPerAddress) +
                                     " connections already (--connections-per-address)"});
  return false;
}

void Server::accepted(AcceptedSocket socket) {
  if (!admits(socket)) return;
  const bool tcp = !socket.isUnix;
  const auto connection = silent_.emplace(silent_.end(), services_, door_, kj::mv(socket));
  tasks_->add(serve(connection, tcp)
                  .exclusiveJoin(connection->endAsked())
                  .catch_([](kj::Exception&&) {})
                  .then([this, connection]() { return turnToEnd(*connection); })
                  .then([this, connection]() { ended(connection); }));
}

kj::Promise<void> Server::serve(Connections::iterator connection, bool tcp) {
  return connection->ready().then(
      [this, connection, tcp](ReadyStream&& ready) -> kj::Promise<void> {
        if (ready.stream.get() == nullptr) {
          connection->refuse(ready);
          return kj::READY_NOW;
        }
        return services_.budget.ready(kProtocolCostBytes)
            .then([this, connection, tcp, ready = kj::mv(ready)]() mutable {
              connections_.splice(connections_.end(), silent_, connection);
              prepare(connection->socket(), tcp);
              return connection->begin(kj::mv(ready), peerName(connection->socket()));
            });
      });
}

kj::Promise<void> Server::turnToEnd(const Connection& connection) {
  if (connection.isSilent()) return kj::READY_NOW;
  // A worker that is LOST leads to more; whoever is sent on is to be there soon.
  const bool sentOn = connection.end() == ConnectionEnd::kSentOn;
  if (connection.hasSessions() && !sentOn) return services_.crowd.myTurn();
  return services_.budget.ready(kProtocolCostBytes);
}

void Server::ended(Connections::iterator connection) {
  if (const std::string reason = connection->endReason(); !reason.empty()) {
    const std::string& known = connection->peer();
    services_.warnings.say(
        notice::ConnectionClosed{known.empty() ? peerName(connection->socket()) : known, reason});
  }
  (connection->isSilent() ? silent_ : connections_).erase(connection);
}

void Server::storePolled() {
  services_.controller.take(input::StorePolled{});
  services_.waiters.polled();
}

void Server::checkConnections() {
  services_.warnings.tick();
  const auto check = [this](Connection& connection) {
    if (connection.endsSoon()) return;
    endIfLate(connection);
    connection.check();
  };
  for (Connection& connection : silent_) {
    if (connection.silentMs() < services_.options.authenticationMs) break;  // so is who follows
    check(connection);
  }
  constexpr size_t kFew = 64;
  const size_t share = std::max(kFew, connections_.size() / 10);
  for (size_t left = std::min(share, connections_.size()); left != 0; --left) {
    check(connections_.front());
    connections_.splice(connections_.end(), connections_, connections_.begin());
  }
}

void Server::endIfLate(Connection& connection) {
  const uint32_t limitMs = services_.options.authenticationMs;
  if (connection.endsSoon() ||
      !connection.isLate(port_.getTimer().now(), limitMs * kj::MILLISECONDS)) {
    return;
  }
  services_.audit.refused(AuthFailure::kLate, {{}, peerName(connection.socket())},
                          "the connection is closed, it did not authenticate within " +
                              std::to_string(limitMs) + " ms");
  connection.endSoon(ConnectionEnd::kUnauthenticated, {});
}

std::optional<Error> Server::reloadTokens() {
  AccessControl& access = services_.access;
  if (auto wrong = access.reload()) {
    services_.notices.notice(notice::TokensNotRead{wrong->message});
    return wrong;
  }
  if (access.tokens() == 0) return std::nullopt;  // there is no file
  uint64_t ended = 0;
  for (Connection& connection : connections_) {
    const auto& caller = connection.caller();
    if (!caller || connection.endsSoon() || access.isValid(caller->principal)) continue;
    connection.endSoon(ConnectionEnd::kTokenGone, tokenGone(caller->principal));
    ++ended;
  }
  services_.notices.notice(notice::TokensRead{access.tokens(), ended});
  return std::nullopt;
}

uint64_t Server::sendWorkersOn() {
  uint64_t ended = 0;
  for (Connection& connection : connections_) {
    if (!connection.hasSessions() || connection.endsSoon()) continue;
    connection.endSoon(ConnectionEnd::kSentOn, {});
    ++ended;
  }
  return ended;
}

void Server::stop() {
  tasks_ = nullptr;
  for (Connection& connection : connections_) connection.abandon();
  connections_.clear();
  silent_.clear();
}

void Server::taskFailed(kj::Exception&& exception) {
  services_.notices.notice(notice::InternalError{exception.getDescription().cStr()});
}

}  // namespace holdfast
