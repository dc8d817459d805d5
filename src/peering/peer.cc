#include "peering/peer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include "client/rpc_connection.h"
#include "wire/errors.h"
#include "wire/replica.h"
#include "wire/text.h"

namespace holdfast::peering {

struct Peer::Connection : RpcConnection {
  using RpcConnection::RpcConnection;
  kj::Maybe<schema::Operator::Client> operators;
};

Peer::Peer(kj::Network& network, const ClientSecurity& security, std::string address)
    : network_(network), security_(security), address_(std::move(address)) {}

Peer::~Peer() noexcept = default;

kj::Promise<void> Peer::open() {
  auto prepared = PreparedSecurity::read(security_, address_);
  if (!prepared.ok()) return wireError(prepared.error());
  prepared_ = kj::mv(prepared.value());
  return network_.parseAddress(address_)
      .then([this](kj::Own<kj::NetworkAddress> address) {
        step_ = ConnectionStep::kConnecting;
        // The address is kept for as long as connecting takes.
        return address->connect().attach(kj::mv(address));
      })
      .then([this](kj::Own<kj::AsyncIoStream> socket) {
        if (!address_.starts_with("unix:")) {
          const int on = 1;
          socket->setsockopt(IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        }
        if (prepared_.speaksTls()) step_ = ConnectionStep::kSecuring;
        return prepared_.secure(kj::mv(socket));
      })
      .then([this](kj::Own<kj::AsyncIoStream> stream) { return greet(kj::mv(stream)); });
}

kj::Promise<void> Peer::greet(kj::Own<kj::AsyncIoStream> stream) {
  step_ = ConnectionStep::kGreeting;
  connection_ = std::make_unique<Connection>(kj::mv(stream));
  auto request = connection_->bootstrap().authenticateRequest();
  request.setToken(textOf(prepared_.token()));
  return request.send().then(
      [this](capnp::Response<schema::Bootstrap::AuthenticateResults>&& granted) {
        step_ = ConnectionStep::kTalking;
        if (granted.hasReplica()) replica_ = read(granted.getReplica());
        if (granted.hasOperator()) connection_->operators = granted.getOperator();
      });
}

Result<schema::Operator::Client> Peer::operators() {
  KJ_IF_MAYBE (granted, connection_->operators) return *granted;
  return Error{ErrorCode::kDenied,
               "denied: the role of this controller's token there does not include copies of the "
               "store; the role replica does"};
}

}  // namespace holdfast::peering
