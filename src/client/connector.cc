#include "client/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"

namespace holdfast {
namespace {

// The window of stream calls is the send buffer's size: with a small one every report waits for
// the one before it.
constexpr int kSocketBufferBytes = 1 << 20;

capnp::ReaderOptions readerOptions() {
  capnp::ReaderOptions options;
  options.traversalLimitInWords = kMessageBytesMax / sizeof(capnp::word);
  return options;
}

void enlarge(kj::AsyncIoStream& stream, int option) {
  int bytes = 0;
  kj::uint length = sizeof bytes;
  stream.getsockopt(SOL_SOCKET, option, &bytes, &length);
  // Setting it ends the kernel's own tuning, so only where that did not give enough.
  if (bytes < kSocketBufferBytes) {
    stream.setsockopt(SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
}

void tune(kj::AsyncIoStream& stream, bool tcp) {
  enlarge(stream, SO_SNDBUF);
  enlarge(stream, SO_RCVBUF);
  const int on = 1;
  if (tcp) stream.setsockopt(IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

struct Connector::Connection {
  explicit Connection(kj::Own<kj::AsyncIoStream> socket)
      : stream(kj::mv(socket)),
        network(*stream, capnp::rpc::twoparty::Side::CLIENT, readerOptions()),
        rpc(capnp::makeRpcClient(network)) {}

  schema::Bootstrap::Client bootstrap() {
    capnp::MallocMessageBuilder message(4);
    auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
    vat.setSide(capnp::rpc::twoparty::Side::SERVER);
    return rpc.bootstrap(vat).castAs<schema::Bootstrap>();
  }

  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
  kj::Promise<void> disconnected = nullptr;
};

Connector::Connector(ClientThread::Loop& loop, Options options, User& user)
    : loop_(loop), options_(std::move(options)), user_(user) {}

Connector::~Connector() {
  dropping_ = nullptr;
  attempt_ = nullptr;
  connection_ = nullptr;
}

void Connector::start() {
  attempt();
}

void Connector::attempt() {
  failing_ = false;
  step_ = ConnectionStep::kResolving;
  auto prepared = PreparedSecurity::read(options_.security, options_.controller);
  if (!prepared.ok()) {
    // Later: this may be called from what giving up replaces.
    attempt_ =
        kj::evalLater([this, error = prepared.error()] { fail(error); }).eagerlyEvaluate(nullptr);
    return;
  }
  security_ = kj::mv(prepared.value());
  attempt_ = loop_.timer()
                 .timeoutAfter(options_.callTimeoutMs * kj::MILLISECONDS,
                               kj::evalNow([this] { return connect(); }))
                 .then([this] { backoffMs_ = 0; },
                       [this](kj::Exception&& exception) { fail(explain(exception)); })
                 .eagerlyEvaluate(nullptr);
}

kj::Promise<void> Connector::connect() {
  return loop_.network()
      .parseAddress(options_.controller)
      .then([this](kj::Own<kj::NetworkAddress> address) {
        step_ = ConnectionStep::kConnecting;
        // The address is kept for as long as connecting takes.
        return address->connect().attach(kj::mv(address));
      })
      .then([this](kj::Own<kj::AsyncIoStream> socket) { return secure(kj::mv(socket)); })
      .then([this](kj::Own<kj::AsyncIoStream> stream) { return authenticate(kj::mv(stream)); });
}

kj::Promise<kj::Own<kj::AsyncIoStream>> Connector::secure(kj::Own<kj::AsyncIoStream> socket) {
  tune(*socket, !options_.controller.starts_with("unix:"));
  if (security_.speaksTls()) step_ = ConnectionStep::kSecuring;
  return security_.secure(kj::mv(socket));
}

kj::Promise<void> Connector::authenticate(kj::Own<kj::AsyncIoStream> stream) {
  step_ = ConnectionStep::kGreeting;
  connection_ = std::make_unique<Connection>(kj::mv(stream));
  connection_->disconnected =
      connection_->network.onDisconnect()
          .then([this] {
            // Before its first answer that fails as well, and knows more.
            if (step_ != ConnectionStep::kTalking) return;
            fail({ErrorCode::kUnavailable,
                  "the controller at " + options_.controller + " closed the connection"});
          })
          .eagerlyEvaluate([this](kj::Exception&& exception) { fail(explain(exception)); });
  auto request = connection_->bootstrap().authenticateRequest();
  request.setToken({security_.token().data(), security_.token().size()});
  return request.send().then(
      [this](capnp::Response<schema::Bootstrap::AuthenticateResults> grants) {
        step_ = ConnectionStep::kTalking;
        return user_.establish(grants);
      });
}

void Connector::fail(const Error& error) {
  if (error.code != ErrorCode::kUnavailable && error.code != ErrorCode::kUnauthenticated) {
    return stop(error);
  }
  giveUp(error);
}

void Connector::stop(const Error& error) {
  stopped_ = true;
  giveUp(error);
}

void Connector::giveUp(const Error& error) {
  if (failing_) return;  // stopped_ is looked at when the wait is over
  failing_ = true;
  // Later, because the caller may run inside of what is to be destroyed.
  dropping_ = kj::evalLater([this, error] {
                drop(error);
                return loop_.timer().afterDelay(nextBackoffMs() * kj::MILLISECONDS);
              })
                  .then([this] {
                    if (!stopped_) attempt();
                  })
                  .eagerlyEvaluate(nullptr);
}

void Connector::drop(const Error& error) {
  attempt_ = nullptr;
  user_.lost(error);
  connection_ = nullptr;
}

uint32_t Connector::nextBackoffMs() {
  const uint32_t ceiling = std::max(1u, std::min(options_.backoffMaxMs, backoffLimitMs_));
  const uint32_t ms = std::clamp(backoffMs_, std::min(options_.backoffMinMs, ceiling), ceiling);
  backoffMs_ = std::min(ms * 2, ceiling);
  return ms / 2 + static_cast<uint32_t>(random_() % (ms - ms / 2 + 1));
}

}  // namespace holdfast
