#include "http/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "core/notice.h"
#include "http/error_reply.h"

namespace holdfast::http {

// connection.cc; of a stream that Connection::run() gave to KJ's server.
kj::HttpService& serviceOf(kj::AsyncIoStream& wire);

namespace {

kj::HttpServerSettings settingsOf(const Bounds& bounds, kj::HttpServerErrorHandler& errors) {
  kj::HttpServerSettings settings;
  settings.headerTimeout = bounds.headerPatience;
  settings.pipelineTimeout = bounds.idlePatience;
  settings.errorHandler = errors;
  return settings;
}

}  // namespace

Grounds groundsOf(Services& services, kj::UnixEventPort& port, SideThread& bodies,
                  const ServerTls* tls) {
  return {.sockets = {.port = port,
                      .turns = services.turns,
                      .budget = services.budget,
                      .held = services.held,
                      .tls = tls},
          .access = services.access,
          .audit = services.audit,
          .warnings = services.warnings,
          .ends = services.ends,
          .addresses = services.addresses,
          .connections = services.connections,
          .connectionsMax = services.options.connectionsMax,
          .bodies = bodies,
          .group = &services.group};
}

Server::Server(const RouteTable& routes, Grounds grounds, Bounds bounds)
    : routes_{&routes},
      grounds_(grounds),
      bounds_(bounds),
      http_(
          grounds_.sockets.port.getTimer(), *headers_.table,
          [](kj::AsyncIoStream& wire) {
            return kj::Own<kj::HttpService>(&serviceOf(wire), kj::NullDisposer::instance);
          },
          settingsOf(bounds_, *this)),
      accepts_(grounds_.sockets.port.getTimer(), grounds_.warnings, grounds_.connections,
               {.accepted = [this](AcceptedSocket socket) { accepted(kj::mv(socket)); },
                .makeRoom = [this]() { return makeRoom(); }}),
      tasks_(kj::heap<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this))),
      accepting_(kj::heap<kj::TaskSet>(static_cast<kj::TaskSet::ErrorHandler&>(*this))) {
  tasks_->add(checkOn());
}

Server::~Server() {
  if (keepsFiles_) return;
  for (const Acceptor& listener : listeners_) {
    if (listener.listening().isUnix()) unlink(listener.listening().unixPath.c_str());
  }
}

void Server::sayReplica(kj::HttpHeaders& headers) {
  if (grounds_.group == nullptr) return;
  const ReplicaView& here = grounds_.group->view();
  if (here.role == ReplicaRole::kAlone) return;
  const std::string_view role = replicaRoleName(here.role);
  headers.set(headers_.role, kj::heapString(role.data(), role.size()));
  headers.set(headers_.epoch, kj::str(here.epoch));
  headers.set(headers_.index, kj::str(here.index));
  headers.set(headers_.ageMs, kj::str(here.ageMs));
}

void Server::listen(ListeningSocket socket, const RouteTable& routes) {
  socket.mark = static_cast<uint32_t>(routes_.size());
  routes_.push_back(&routes);
  listen(kj::mv(socket));
}

void Server::listen(ListeningSocket socket) {
  listeners_.emplace_back(grounds_.sockets.port, grounds_.sockets.turns, kj::mv(socket));
  accepting_->add(accepts_.from(listeners_.back()));
}

void Server::stop() {
  accepting_ = nullptr;
  tasks_ = nullptr;
  busy_.clear();
  idle_.clear();
}

kj::Promise<void> Server::drain() {
  accepting_ = nullptr;
  return http_.drain().then([this]() -> kj::Promise<void> {
    for (Connection& connection : idle_) connection.endIfSilent();
    if (connections() == 0) return kj::READY_NOW;
    auto paf = kj::newPromiseAndFulfiller<void>();
    emptied_ = kj::mv(paf.fulfiller);
    return kj::mv(paf.promise);
  });
}

bool Server::makeRoom() {
  const auto oldest = std::find_if(idle_.begin(), idle_.end(),
                                   [](const Connection& one) { return !one.endsSoon(); });
  if (oldest == idle_.end()) return false;
  oldest->endSoon(ConnectionEnd::kMadeRoom, {});
  return true;
}

bool Server::admits(const AcceptedSocket& socket) {
  // Workers must find room, however many there are that ask.
  const size_t max = std::max<size_t>(1, grounds_.connectionsMax / 2);
  if (connections() >= max || grounds_.connections >= grounds_.connectionsMax) {
    const bool room = makeRoom();
    grounds_.warnings.say(notice::ConnectionsFull{!room, connections(), max});
    if (!room) grounds_.ends.count(ConnectionEnd::kRefused);
    if (!room) return false;
  }
  if (grounds_.addresses.enter(socket.address)) return true;
  grounds_.ends.count(ConnectionEnd::kAddressFull);
  grounds_.warnings.say(
      notice::ConnectionClosed{peerName(socket.fd.get()),
                               "its address has as many connections as it may have "
                               "(--connections-per-address)"});
  return false;
}

void Server::accepted(AcceptedSocket socket) {
  if (!admits(socket)) return;
  if (!socket.isUnix) {
    const int on = 1;
    setsockopt(socket.fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  const auto connection = idle_.emplace(idle_.end(), *this, kj::mv(socket));
  connection->place.at = connection;
  tasks_->add(connection->run()
                  .exclusiveJoin(connection->endAsked())
                  .catch_([](kj::Exception&&) {})
                  .then([this, connection]() { over(connection); }));
}

void Server::over(Connections::iterator connection) {
  grounds_.ends.count(connection->end());
  if (!connection->endReason().empty()) {
    grounds_.warnings.say(notice::ConnectionClosed{connection->peer(), connection->endReason()});
  }
  (connection->place.busy ? busy_ : idle_).erase(connection);
  if (connections() == 0 && emptied_.get() != nullptr) emptied_->fulfill();
}

void Server::began(Connection& connection) {
  connection.place.busy = true;
  busy_.splice(busy_.end(), idle_, connection.place.at);
}

void Server::ended(Connection& connection) {
  connection.place.busy = false;
  idle_.splice(idle_.end(), busy_, connection.place.at);
}

kj::Promise<void> Server::checkOn() {
  return grounds_.sockets.port.getTimer().afterDelay(bounds_.checkInterval).then([this]() {
    grounds_.sockets.turns.observe();
    const kj::TimePoint time = now();
    for (Connection& connection : idle_) connection.check(time);
    for (Connection& connection : busy_) connection.check(time);
    return checkOn();
  });
}

void Server::taskFailed(kj::Exception&& exception) {
  // Whatever fails in a connection ends there.
  kj::throwFatalException(kj::mv(exception));
}

// --- what KJ's server refuses by itself ---

kj::Promise<void> Server::sendError(kj::HttpService::Response& response, const Reply& reply) {
  kj::HttpHeaders headers(*headers_.table);
  headers.set(kj::HttpHeaderId::CONTENT_TYPE, "application/json");
  if (reply.status == 405) headers.set(headers_.allow, "GET, HEAD, OPTIONS, POST");
  const std::string_view reason = reasonOf(reply.status);
  auto stream =
      response.send(reply.status, {reason.data(), reason.size()}, headers, reply.body.size());
  auto body = kj::heap<std::string>(reply.body);
  auto written = stream->write(body->data(), body->size());
  return written.attach(kj::mv(stream), kj::mv(body));
}

kj::Promise<void> Server::handleClientProtocolError(kj::HttpHeaders::ProtocolError error,
                                                    kj::HttpService::Response& response) {
  // KJ calls methods that it does not know "not implemented".
  const uint32_t status = error.statusCode == 501 ? 405 : error.statusCode;
  return sendError(response, errorReply(status, codeOf(status), error.description.cStr()));
}

kj::Promise<void> Server::handleApplicationError(kj::Exception exception,
                                                 kj::Maybe<kj::HttpService::Response&> response) {
  if (exception.getType() == kj::Exception::Type::DISCONNECTED) return kj::READY_NOW;
  KJ_IF_MAYBE (to, response) {
    const bool unknown = exception.getType() == kj::Exception::Type::UNIMPLEMENTED;
    return sendError(*to, unknown ? errorReply(405, codeOf(405), "this method is not known")
                                  : errorReply(exception));
  }
  return kj::READY_NOW;
}

}  // namespace holdfast::http
