// A connection to the log's servers and the stream on it, with what is known of both. Outlives the
// threads that use it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "locks/mutex.h"
#include "replication/log.h"
#include "replication/nats/handles.h"
#include "replication/nats/stream.h"

namespace holdfast::replication::nats {

class Connected {
 public:
  // `changed` is called from any thread when the connection was lost or is there again.
  Connected(NatsOptions options, std::function<void()> changed)
      : options_(std::move(options)), changed_(std::move(changed)) {}
  // close()s.
  ~Connected();

  // Connects and finds the stream, once. The error says what is wrong.
  std::optional<Error> open();
  // Whoever waits in a call of the library comes back with an error. Waits until the library has
  // ended everything that it had to tell of the connection.
  void close();

  // Asks for the stream. kNotFound: it is gone, or another one. Any thread.
  Result<Stream> look();

  natsConnection* connection() const { return connection_.get(); }
  jsCtx* js() const { return js_.get(); }
  const NatsOptions& options() const { return options_; }
  const Stream& stream() const { return stream_; }  // as it was found; the name does not change
  LogState state() const;

 private:
  static void onDisconnected(natsConnection* connection, void* self);
  static void onReconnected(natsConnection* connection, void* self);
  static void onClosed(natsConnection* connection, void* self);
  static void onError(natsConnection*, natsSubscription*, natsStatus, void*) {}
  void setConnected(bool connected, const std::string& why);

  const NatsOptions options_;
  const std::function<void()> changed_;
  Options prepared_;
  Connection connection_;
  JetStream js_;
  Stream stream_;

  mutable Mutex mutex_;
  Condition ended_;
  bool closed_ HOLDFAST_GUARDED_BY(mutex_) = true;
  bool connected_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::string why_ HOLDFAST_GUARDED_BY(mutex_);
  LogSequence first_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  LogSequence last_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  std::string warning_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast::replication::nats
