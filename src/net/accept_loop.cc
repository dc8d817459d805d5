#include "net/accept_loop.h"

#include "core/notice.h"

namespace holdfast {

kj::Promise<void> AcceptLoop::from(Acceptor& listener) {
  return listener.accept().then(
      [this, &listener](AcceptedSocket&& socket) {
        door_.accepted(kj::mv(socket));
        return next(listener);
      },
      [this, &listener](kj::Exception&& e) { return cannotAccept(listener, e); });
}

kj::Promise<void> AcceptLoop::next(Acceptor& listener) {
  if (turn_ != timer_.now()) {
    turn_ = timer_.now();
    accepts_ = 0;
  }
  if (++accepts_ < kAcceptsPerTurn) return from(listener);
  return timer_.afterDelay(1 * kj::NANOSECONDS).then([this, &listener]() {
    return from(listener);
  });
}

kj::Promise<void> AcceptLoop::cannotAccept(Acceptor& listener, const kj::Exception& e) {
  // Out of file descriptors, most likely: that passes.
  warnings_.say(
      notice::AcceptFailed{listener.listening().name, e.getDescription().cStr(), connections_});
  const kj::Duration pause = door_.makeRoom() ? 1 * kj::MILLISECONDS : 100 * kj::MILLISECONDS;
  return timer_.afterDelay(pause).then([this, &listener]() { return from(listener); });
}

}  // namespace holdfast
