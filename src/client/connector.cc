#include "client/connector.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "client/controller_address.h"
#include "client/rpc_connection.h"
#include "wire/errors.h"
#include "wire/replica.h"

namespace holdfast {
namespace {

// The window of stream calls is the send buffer's size: with a small one every report waits for
// the one before it.
constexpr int kSocketBufferBytes = 1 << 20;

void enlarge(kj::AsyncIoStream& stream, int option) {
  int bytes = 0;
  kj::uint length = sizeof bytes;
  stream.getsockopt(SOL_SOCKET, option, &bytes, &length);
  // Setting it ends the kernel's own tuning, so only where that did not give enough.
  if (bytes < kSocketBufferBytes) {
    stream.setsockopt(SOL_SOCKET, option, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  }
}

void set(kj::AsyncIoStream& stream, int level, int option, int value) {
  stream.setsockopt(level, option, &value, sizeof value);
}

// Whoever is asked says the same: the message is wrong, or another process is this worker now.
bool isFinal(ErrorCode code) {
  return code == ErrorCode::kInvalid || code == ErrorCode::kSuperseded;
}
// Goes away by itself: a token, too, may be let in at any time. Any other is a refusal, which holds
// for this controller and as long as it is configured as it is.
bool mayPass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kUnauthenticated;
}

// Of several controllers: one that does not answer is not waited for any longer.
constexpr uint32_t kReachMs = 1'000;

}  // namespace

struct Connector::Connection : RpcConnection {
  using RpcConnection::RpcConnection;
  kj::Promise<void> disconnected = nullptr;
};

Connector::Connector(ClientThread::Loop& loop, Options options, User& user)
    : loop_(loop),
      options_(std::move(options)),
      user_(user),
      ring_(controllerAddresses(options_.controllers),
            {.minMs = options_.backoffMinMs, .maxMs = options_.backoffMaxMs},
            [this] { return random_(); }) {}

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
  sentOnTo_.reset();
  step_ = ConnectionStep::kResolving;
  auto prepared = PreparedSecurity::read(options_.security, controller());
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
                 .then([this] { ring_.established(); },
                       [this](kj::Exception&& exception) { fail(explain(exception)); })
                 .eagerlyEvaluate(nullptr);
}

kj::Promise<void> Connector::connect() {
  auto reached = reach();
  if (several()) {
    const size_t doublings = std::min<size_t>(ring_.roundsInVain(), 16);
    const uint64_t ms = std::min<uint64_t>(options_.callTimeoutMs, uint64_t{kReachMs} << doublings);
    reached = loop_.timer().timeoutAfter(ms * kj::MILLISECONDS, kj::mv(reached));
  }
  return reached.then([this](Authenticated grants) -> kj::Promise<void> {
    step_ = ConnectionStep::kTalking;
    if (const auto why = notLeading(grants)) return wireError(*why);
    return user_.establish(grants);
  });
}

std::optional<Error> Connector::notLeading(Grants grants) {
  if (!options_.toLeader || !grants.hasReplica()) return std::nullopt;
  const ReplicaStatus replica = read(grants.getReplica());
  if (replica.leads()) return std::nullopt;
  sentOnTo_ = replica.leader;
  return Error{ErrorCode::kUnavailable,
               "the controller at " + controller() + " does not lead its group, it is " +
                   replica.role +
                   (replica.leader.empty() ? "" : "; the leader is " + replica.leader)};
}

kj::Promise<Connector::Authenticated> Connector::reach() {
  return loop_.network()
      .parseAddress(controller())
      .then([this](kj::Own<kj::NetworkAddress> address) {
        step_ = ConnectionStep::kConnecting;
        // The address is kept for as long as connecting takes.
        return address->connect().attach(kj::mv(address));
      })
      .then([this](kj::Own<kj::AsyncIoStream> socket) { return secure(kj::mv(socket)); })
      .then([this](kj::Own<kj::AsyncIoStream> stream) { return authenticate(kj::mv(stream)); });
}

kj::Promise<kj::Own<kj::AsyncIoStream>> Connector::secure(kj::Own<kj::AsyncIoStream> socket) {
  tune(*socket);
  if (security_.speaksTls()) step_ = ConnectionStep::kSecuring;
  return security_.secure(kj::mv(socket));
}

// Small buffers are enlarged.
void Connector::tune(kj::AsyncIoStream& stream) const {
  enlarge(stream, SO_SNDBUF);
  enlarge(stream, SO_RCVBUF);
  if (controller().starts_with("unix:")) return;
  set(stream, IPPROTO_TCP, TCP_NODELAY, 1);
  const uint32_t ms = options_.peerTimeoutMs.value_or(several() ? kPeerTimeoutMs : 0);
  if (ms == 0) return;
  constexpr uint32_t kMost = 1'000'000'000;
  set(stream, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::min(ms, kMost)));
  // The system asks after seconds without a word, and then the time above counts.
  constexpr uint32_t kSecondsMost = 32'767;
  const int seconds = static_cast<int>(std::clamp(ms / 1'000, 1u, kSecondsMost));
  set(stream, SOL_SOCKET, SO_KEEPALIVE, 1);
  set(stream, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set(stream, IPPROTO_TCP, TCP_KEEPINTVL, seconds);
}

kj::Promise<Connector::Authenticated> Connector::authenticate(kj::Own<kj::AsyncIoStream> stream) {
  step_ = ConnectionStep::kGreeting;
  connection_ = std::make_unique<Connection>(kj::mv(stream));
  connection_->disconnected =
      connection_->network.onDisconnect()
          .then([this] {
            // Before its first answer that fails as well, and knows more.
            if (step_ != ConnectionStep::kTalking) return;
            fail({ErrorCode::kUnavailable,
                  "the controller at " + controller() + " closed the connection"});
          })
          .eagerlyEvaluate([this](kj::Exception&& exception) { fail(explain(exception)); });
  auto request = connection_->bootstrap().authenticateRequest();
  request.setToken({security_.token().data(), security_.token().size()});
  return request.send();
}

void Connector::fail(const Error& error) {
  if (isFinal(error.code)) return stop(error);
  if (failing_) return;
  const uint64_t nowMs = steadyNowMs();
  const bool refuses = !mayPass(error.code);
  if (sentOnTo_) {
    ring_.sentOn(nowMs, *sentOnTo_);
  } else if (refuses) {
    ring_.refused(nowMs, error.message);
  } else {
    ring_.failed(nowMs);
  }
  if (const auto all = ring_.refusedByAll()) {
    return stop({refuses ? error.code : ErrorCode::kRefused,
                 several() ? "every controller refuses: " + *all : *all});
  }
  if (!refuses) return giveUp(error);
  giveUp({error.code, "the controller at " + controller() + " says " + error.message});
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
                const uint32_t waitMs = ring_.next(steadyNowMs());
                return loop_.timer().afterDelay(waitMs * kj::MILLISECONDS);
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

}  // namespace holdfast
