// Takes the connections that come to the listeners of one door, some in each turn of the loop.
#pragma once

#include <kj/async.h>
#include <kj/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

#include "net/acceptor.h"
#include "net/limited_warnings.h"

namespace holdfast {

class AcceptLoop {
 public:
  struct Door {
    std::function<void(AcceptedSocket)> accepted;
    // Ends a connection that can be spared. False if there is none.
    std::function<bool()> makeRoom;
  };

  // `connections`: open now, for what is told where accepting fails. The references outlive it.
  AcceptLoop(kj::Timer& timer, LimitedWarnings& warnings, const size_t& connections, Door door)
      : timer_(timer), warnings_(warnings), connections_(connections), door_(std::move(door)) {}
  AcceptLoop(const AcceptLoop&) = delete;
  AcceptLoop& operator=(const AcceptLoop&) = delete;

  // Goes on until the promise is dropped, before the loop and the listener.
  kj::Promise<void> from(Acceptor& listener);

 private:
  // As many a turn of the loop as one poll of the sockets reports: who connects without saying
  // anything costs little, and does not stand in the way of those who do.
  static constexpr uint32_t kAcceptsPerTurn = 16;

  kj::Promise<void> next(Acceptor& listener);
  kj::Promise<void> cannotAccept(Acceptor& listener, const kj::Exception& e);

  kj::Timer& timer_;
  LimitedWarnings& warnings_;
  const size_t& connections_;
  const Door door_;
  kj::TimePoint turn_ = kj::origin<kj::TimePoint>();  // in which accepts_ were made
  uint32_t accepts_ = 0;
};

}  // namespace holdfast
