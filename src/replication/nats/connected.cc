#include "replication/nats/connected.h"

#include <utility>

namespace holdfast::replication::nats {

Connected::~Connected() {
  close();
}

std::optional<Error> Connected::open() {
  if (const auto what = invalid(options_)) return Error{ErrorCode::kInvalid, *what};
  auto prepared = prepare(options_);
  if (!prepared.ok()) return prepared.error();
  prepared_ = std::move(prepared.value());
  natsOptions_SetDisconnectedCB(prepared_.get(), onDisconnected, this);
  natsOptions_SetReconnectedCB(prepared_.get(), onReconnected, this);
  natsOptions_SetClosedCB(prepared_.get(), onClosed, this);
  natsOptions_SetErrorHandler(prepared_.get(), onError, this);
  auto connection = connect(options_, prepared_.get());
  if (!connection.ok()) return connection.error();
  connection_ = std::move(connection.value());
  {
    const MutexLock lock(mutex_);
    closed_ = false;
    connected_ = true;
  }
  jsCtx* js = nullptr;
  const natsStatus status = natsConnection_JetStream(&js, connection_.get(), nullptr);
  js_.reset(js);
  if (status != NATS_OK) return Error{ErrorCode::kUnavailable, "JetStream: " + reason(status)};
  auto stream = openStream(js, options_);
  if (!stream.ok()) return stream.error();
  stream_ = stream.value();
  const MutexLock lock(mutex_);
  first_ = stream_.first;
  last_ = stream_.last;
  return std::nullopt;
}

void Connected::close() {
  if (!connection_) return;
  natsConnection_Close(connection_.get());
  const MutexLock lock(mutex_);
  while (!closed_) ended_.wait(mutex_);
}

Result<Stream> Connected::look() {
  auto found = lookAgain(js_.get(), stream_, options_);
  if (found.ok()) {
    const MutexLock lock(mutex_);
    first_ = found.value().first;
    last_ = found.value().last;
    warning_ = found.value().warning;
  }
  return found;
}

LogState Connected::state() const {
  const MutexLock lock(mutex_);
  return {.connected = connected_,
          .reason = why_,
          .identity = stream_.identity,
          .first = last_ == 0 ? 0 : first_,
          .last = last_,
          .warning = warning_};
}

void Connected::setConnected(bool connected, const std::string& why) {
  {
    const MutexLock lock(mutex_);
    connected_ = connected;
    why_ = why;
  }
  if (changed_) changed_();
}

void Connected::onDisconnected(natsConnection* connection, void* self) {
  const char* last = nullptr;
  natsConnection_GetLastError(connection, &last);
  std::string why = "the connection to the log's servers was lost";
  if (last != nullptr && *last != '\0') why += std::string(": ") + last;
  static_cast<Connected*>(self)->setConnected(false, why);
}

void Connected::onReconnected(natsConnection*, void* self) {
  static_cast<Connected*>(self)->setConnected(true, "");
}

void Connected::onClosed(natsConnection*, void* self) {
  auto* const connected = static_cast<Connected*>(self);
  const MutexLock lock(connected->mutex_);
  connected->connected_ = false;
  connected->closed_ = true;
  connected->ended_.notifyAll();
}

}  // namespace holdfast::replication::nats
