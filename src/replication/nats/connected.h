// A connection to the log's servers and the stream on it, with what is known of both. Outlives the
// threads that use it.
//
// The library connects again by itself for as long as it sees a reason to: two refusals in a row by
// one server, or an error that it does not know, and it has given up for good. Then reopen() makes
// another connection.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "locks/mutex.h"
#include "replication/log.h"
#include "replication/nats/doubt.h"
#include "replication/nats/handles.h"
#include "replication/nats/stream.h"

namespace holdfast::replication::nats {

// One connection of the library's. Whoever is in a call on it holds it until that comes back.
struct Session {
  Connection connection;
  JetStream js;
};

class Connected {
 public:
  // Subscribes to what every connection has, before anybody else uses it.
  using Made = std::function<std::optional<Error>(natsConnection*)>;

  // `options.notify` is called from any thread when the connection was lost or is there again.
  Connected(NatsOptions options, Made made);
  // close()s.
  ~Connected();

  // Connects and finds the stream, once. The error says what is wrong.
  std::optional<Error> open();
  // Whether the library has given up; then reopen() connects once more, for an attempt at each
  // server. One thread, after open(). The error is what state() says as well.
  bool givenUp() const;
  std::optional<Error> reopen();
  // Whoever waits in a call of the library comes back with an error. Waits until the library has
  // ended everything that it had to tell of the connection, and for a reopen() under way.
  void close();

  // Asks for the stream. kNotFound, which is believed after some doubt only: it is gone, or another
  // one; kUnavailable: not known. Any thread.
  Result<Stream> look();
  // Asks for a record. kNotFound: the stream has it no longer; that it lacks one between others is
  // believed when `missing` says so. kUnavailable: not known. Any thread.
  Result<std::string> fetch(LogSequence sequence, Doubt& missing);

  std::shared_ptr<Session> session() const;  // the newest one; never null after open()
  const NatsOptions& options() const { return options_; }
  const Stream& stream() const { return stream_; }  // as it was found; the name does not change
  LogState state() const;

 private:
  static void onDisconnected(natsConnection* connection, void* self);
  static void onReconnected(natsConnection* connection, void* self);
  static void onClosed(natsConnection* connection, void* self);
  static void onError(natsConnection*, natsSubscription*, natsStatus, void*) {}
  void setConnected(bool connected, const std::string& why);
  std::optional<Error> connectOnce();
  std::optional<Error> setUp(Session& session);
  void end(natsConnection* connection);

  const NatsOptions options_;
  const Made made_;
  Options prepared_;
  Stream stream_;

  mutable Mutex mutex_;
  Condition ended_;
  std::shared_ptr<Session> session_ HOLDFAST_GUARDED_BY(mutex_);
  // The library has no more to tell of the newest connection, or there was none.
  bool closed_ HOLDFAST_GUARDED_BY(mutex_) = true;
  bool closing_ HOLDFAST_GUARDED_BY(mutex_) = false;
  bool connected_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::string why_ HOLDFAST_GUARDED_BY(mutex_);
  Doubt gone_ HOLDFAST_GUARDED_BY(mutex_);  // whether the stream is
  LogSequence first_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  LogSequence last_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  std::string warning_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast::replication::nats
