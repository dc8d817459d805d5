// Orders to LMCache's workers, which each listen on a REP socket: one at a time for a worker, each
// over a connection of its own. A socket whose answer did not come is of no use any more, and of
// one that is kept nobody knows whether the worker still reads it.
#pragma once

#include <kj/async.h>
#include <kj/time.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"
#include "gateways/lmcache/messages.h"
#include "gateways/zmq/socket_thread.h"

namespace holdfast::lmcache {

// What came of an order.
struct OrderAnswer {
  enum class End : uint8_t {
    kAnswered,    // with a message; what it says follows
    kNotSent,     // and it never will be: nobody listens there, or too many orders wait
    kNoAnswer,    // it was sent, and may come about
    kUnreadable,  // it was answered with what is no message of this wire
  };
  End end = End::kNoAnswer;
  Type type = Type::kError;  // of kAnswered, as are the next two
  uint64_t tokens = 0;
  int64_t errorCode = 0;
  // kAnswered: the worker's own words, of kFinished and kError. Else why, for people. Cut at
  // Orders::kTextBytesMax.
  std::string text;
};

// "tcp://IP:PORT" of a worker that registered these. Only addresses: what would have to be resolved
// would hold up the sockets of all. kInvalid: it is none.
Result<std::string> endpointOf(std::string_view ip, uint32_t port);

// Lives on the controller's loop; sockets, encoding and decoding are the socket thread's.
class Orders {
 public:
  // Waiting for one worker, the one that is under way included; more are not sent.
  static constexpr size_t kPerWorkerMax = 64;
  // Under way at a time, of all workers: what is beyond waits, within its time.
  static constexpr size_t kUnderWayMax = 512;
  static constexpr size_t kBytesUnderWayMax = size_t{128} << 20;
  static constexpr size_t kTextBytesMax = 4096;
  // How long an order waits for somebody to listen: a worker answers on its socket only when it has
  // registered.
  static constexpr kj::Duration kReachedWithin = 3 * kj::SECONDS;

  // The thread outlives this.
  explicit Orders(gateways::SocketThread& thread);
  // Whatever send() returned is gone by then.
  ~Orders();
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  // Makes the payload, when it is the order's turn; on the socket thread.
  using Encode = std::function<std::string()>;
  // `timeout` from now, waiting included. Never fails, and resolves in a later turn of the loop.
  // Dropped, the order is not sent any more, or its answer ignored.
  kj::Promise<kj::Own<OrderAnswer>> send(std::string endpoint, Encode encode, kj::Duration timeout);

 private:
  class Sender;  // on the socket thread

  gateways::SocketThread& thread_;
  std::unique_ptr<Sender> sender_;
};

}  // namespace holdfast::lmcache
