#include "net/ready_stream.h"

#include <kj/compat/tls.h>

#include <utility>

#include "tls/reason.h"
#include "tls/tls_stream.h"

namespace holdfast {
namespace {

// A signature takes longer than all else that is done between two polls: one handshake a turn.
constexpr size_t kHandshakeCostBytes = ReadBudget::kBytesPerTurn;
// What a handshake keeps while it lasts, about.
constexpr size_t kHandshakeHoldsBytes = 64 << 10;
// The first bytes of a TLS stream: a record of a handshake, of a version that is always 3.x.
constexpr kj::byte kTlsHandshake = 0x16;
constexpr kj::byte kTlsMajor = 0x03;

ReadyStream notReady(ConnectionEnd end, std::string why) {
  ReadyStream none;
  none.why = std::move(why);
  none.end = end;
  return none;
}

std::string commonNameOf(kj::AuthenticatedStream& shaken) {
  auto& identity = kj::downcast<kj::TlsPeerIdentity>(*shaken.peerIdentity);
  if (!identity.hasCertificate()) return {};
  try {
    return identity.getCommonName().cStr();
  } catch (const kj::Exception&) {
    return "a certificate without a common name";
  }
}

ReadyStream failedHandshake(BufferedStream& socket, const kj::Exception& e) {
  // What the peer should know of it, an alert, has been written already.
  socket.shutdownWrite();
  if (e.getType() == kj::Exception::Type::OVERLOADED) {
    return notReady(ConnectionEnd::kHandshake, "it did not end its TLS handshake in time");
  }
  if (e.getType() == kj::Exception::Type::DISCONNECTED || isTlsCut(e)) {
    return notReady(ConnectionEnd::kHandshake, "it left in the middle of its TLS handshake");
  }
  const std::string reason = tlsReason(e);
  return notReady(ConnectionEnd::kHandshake,
                  "its TLS handshake failed: " + (reason.empty() ? "it broke TLS" : reason));
}

// A handshake is among what peers make the controller hold, and may be what has to go.
class HeldHandshake {
 public:
  HeldHandshake(HeldBytes& held, kj::Own<kj::PromiseFulfiller<ReadyStream>> cut)
      : cut_(kj::mv(cut)), share_(held, [this](ConnectionEnd why, size_t) {
          cut_->fulfill(notReady(why, "all peers together hold too much"));
        }) {
    share_.hold(kHandshakeHoldsBytes);
  }
  ~HeldHandshake() { share_.release(kHandshakeHoldsBytes); }

 private:
  kj::Own<kj::PromiseFulfiller<ReadyStream>> cut_;
  HeldBytes::Share share_;
};

kj::Promise<ReadyStream> handshake(BufferedStream& socket, const DoorSockets& door) {
  auto shaken = door.budget.ready(kHandshakeCostBytes)
                    .then([&socket, &door]() {
                      kj::AuthenticatedStream plain;
                      plain.stream =
                          kj::Own<kj::AsyncIoStream>(&socket, kj::NullDisposer::instance);
                      plain.peerIdentity = kj::UnknownPeerIdentity::newInstance();
                      return door.tls->context().wrapServer(kj::mv(plain));
                    })
                    .then([&socket](kj::AuthenticatedStream&& stream) {
                      ReadyStream ready;
                      ready.certificate = commonNameOf(stream);
                      ready.stream = endingPlainly(kj::mv(stream.stream), &socket);
                      ready.socket = &socket;
                      return ready;
                    });
  auto cut = kj::newPromiseAndFulfiller<ReadyStream>();
  auto hold = kj::heap<HeldHandshake>(door.held, kj::mv(cut.fulfiller));
  return door.port.getTimer()
      .timeoutAfter(door.handshakeTimeout, kj::mv(shaken))
      .catch_([&socket](kj::Exception&& e) { return failedHandshake(socket, e); })
      .exclusiveJoin(kj::mv(cut.promise))
      .attach(kj::mv(hold));
}

kj::Promise<ReadyStream> recognised(BufferedStream& socket, bool isUnix, const DoorSockets& door) {
  const kj::ArrayPtr<const kj::byte> first = socket.buffered();
  if (door.speaksTls(isUnix)) {
    if (first[0] == kTlsHandshake) {
      socket.setSecured();
      return handshake(socket, door);
    }
    return notReady(ConnectionEnd::kPlaintext,
                    "it does not speak TLS, and this port speaks nothing else");
  }
  if (first.size() >= 2 && first[0] == kTlsHandshake && first[1] == kTlsMajor) {
    return notReady(ConnectionEnd::kTlsOnPlain,
                    "it speaks TLS, and this port does not (--tls-cert)");
  }
  ReadyStream ready;
  ready.stream = kj::Own<kj::AsyncIoStream>(&socket, kj::NullDisposer::instance);
  ready.socket = &socket;
  return ready;
}

}  // namespace

kj::Promise<ReadyStream> makeReady(BufferedStream& socket, bool isUnix, const DoorSockets& door) {
  return socket.firstBytes().then(
      [&socket, isUnix, &door](bool came) -> kj::Promise<ReadyStream> {
        if (!came) return notReady(ConnectionEnd::kPeerLeft, {});
        return recognised(socket, isUnix, door);
      },
      [](kj::Exception&&) -> kj::Promise<ReadyStream> {
        return notReady(ConnectionEnd::kPeerLeft, {});
      });
}

kj::Promise<ReadyStream> makeReady(AcceptedSocket socket, const DoorSockets& door) {
  auto stream = kj::heap<BufferedStream>(kj::mv(socket.fd), socket.notBefore, door.port, door.turns,
                                         door.budget);
  BufferedStream& under = *stream;
  return makeReady(under, socket.isUnix, door)
      .then([stream = kj::mv(stream)](ReadyStream&& ready) mutable {
        if (ready.stream.get() != nullptr) ready.stream = ready.stream.attach(kj::mv(stream));
        return kj::mv(ready);
      });
}

}  // namespace holdfast
