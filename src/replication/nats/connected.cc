#include "replication/nats/connected.h"

#include <chrono>
#include <utility>

namespace holdfast::replication::nats {
namespace {

std::string withLastError(natsConnection* connection, std::string text) {
  const char* last = nullptr;
  natsConnection_GetLastError(connection, &last);
  if (last != nullptr && *last != '\0') text += std::string(": ") + last;
  return text;
}

}  // namespace

Connected::Connected(NatsOptions options, Made made)
    : options_(std::move(options)), made_(std::move(made)), gone_(kDoubtTimes, options_.doubt) {}

Connected::~Connected() {
  close();
}

// --- connecting ---

std::optional<Error> Connected::open() {
  if (const auto what = invalid(options_)) return Error{ErrorCode::kInvalid, *what};
  auto prepared = prepare(options_);
  if (!prepared.ok()) return prepared.error();
  prepared_ = std::move(prepared.value());
  natsOptions_SetDisconnectedCB(prepared_.get(), onDisconnected, this);
  natsOptions_SetReconnectedCB(prepared_.get(), onReconnected, this);
  natsOptions_SetClosedCB(prepared_.get(), onClosed, this);
  natsOptions_SetErrorHandler(prepared_.get(), onError, this);
  if (auto error = connectOnce()) return error;
  auto stream = openStream(session()->js.get(), options_);
  if (!stream.ok()) return stream.error();
  stream_ = stream.value();
  const MutexLock lock(mutex_);
  first_ = stream_.first;
  last_ = stream_.last;
  return std::nullopt;
}

std::optional<Error> Connected::connectOnce() {
  {
    // The library may tell of the connection's end before connect() comes back.
    const MutexLock lock(mutex_);
    closed_ = false;
  }
  auto connection = connect(options_, prepared_.get());
  if (!connection.ok()) {
    const MutexLock lock(mutex_);
    closed_ = true;
    ended_.notifyAll();
    return connection.error();
  }
  const auto session = std::make_shared<Session>();
  session->connection = std::move(connection.value());
  auto error = setUp(*session);
  if (!error) {
    const MutexLock lock(mutex_);
    if (!closing_) {
      session_ = session;
      connected_ = !closed_ &&
                   natsConnection_Status(session->connection.get()) == NATS_CONN_STATUS_CONNECTED;
      if (connected_) why_.clear();
      return std::nullopt;
    }
    error = Error{ErrorCode::kUnavailable, "the log is closed"};
  }
  end(session->connection.get());
  return error;
}

std::optional<Error> Connected::setUp(Session& session) {
  if (auto error = tooSmall(session.connection.get(), options_)) return error;
  jsCtx* js = nullptr;
  const natsStatus status = natsConnection_JetStream(&js, session.connection.get(), nullptr);
  session.js.reset(js);
  if (status != NATS_OK) return Error{ErrorCode::kUnavailable, "JetStream: " + reason(status)};
  return made_(session.connection.get());
}

bool Connected::givenUp() const {
  const MutexLock lock(mutex_);
  return closed_ && !closing_;
}

std::optional<Error> Connected::reopen() {
  auto error = connectOnce();
  if (error) {
    setConnected(false, error->message);
  } else if (options_.notify) {
    options_.notify();
  }
  return error;
}

void Connected::end(natsConnection* connection) {
  natsConnection_Close(connection);
  const MutexLock lock(mutex_);
  while (!closed_) ended_.wait(mutex_);
}

void Connected::close() {
  std::shared_ptr<Session> session;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    session = session_;
  }
  if (session) end(session->connection.get());
}

// --- asking ---

std::shared_ptr<Session> Connected::session() const {
  const MutexLock lock(mutex_);
  return session_;
}

Result<Stream> Connected::look() {
  auto found = lookAgain(session()->js.get(), stream_, options_);
  const MutexLock lock(mutex_);
  if (found.ok()) {
    gone_.over();
    first_ = found.value().first;
    last_ = found.value().last;
    warning_ = found.value().warning;
    return found;
  }
  const Error& error = found.error();
  if (error.code == ErrorCode::kUnavailable) {
    gone_.over();
    return found;
  }
  warning_ = error.message + ", a server says; it is asked again";
  if (gone_.again(std::chrono::steady_clock::now())) return found;
  return Error{ErrorCode::kUnavailable, error.message};
}

Result<std::string> Connected::fetch(LogSequence sequence, Doubt& missing) {
  const auto session = this->session();
  jsOptions how;
  jsOptions_Init(&how);
  how.Wait = options_.patience.count();
  natsMsg* raw = nullptr;
  jsErrCode code{};
  const natsStatus status =
      js_GetMsg(&raw, session->js.get(), stream_.name.c_str(), sequence, &how, &code);
  const Message message(raw);
  const std::string what = "record " + std::to_string(sequence);
  if (code != JSNoMessageFoundErr) {
    missing.over();
    if (status != NATS_OK) return Error{ErrorCode::kUnavailable, what + ": " + reason(status)};
    return std::string(natsMsg_GetData(raw), static_cast<size_t>(natsMsg_GetDataLength(raw)));
  }
  const auto stream = look();
  if (stream.ok() && stream.value().first > sequence) {
    return Error{ErrorCode::kNotFound, what + " is needed, and stream " + stream.value().name +
                                           " begins with " + std::to_string(stream.value().first) +
                                           " by now"};
  }
  if (!stream.ok() || stream.value().last < sequence) {
    missing.over();
    return Error{ErrorCode::kUnavailable, what + " is not there yet"};
  }
  const auto believed = missing.again(std::chrono::steady_clock::now());
  return Error{believed ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
               what + " is needed, and stream " + stream.value().name +
                   " has lost it, although it has those before and after it (" +
                   std::to_string(stream.value().first) + " to " +
                   std::to_string(stream.value().last) + "): it is damaged"};
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

// --- what the library tells ---

void Connected::setConnected(bool connected, const std::string& why) {
  {
    const MutexLock lock(mutex_);
    connected_ = connected;
    why_ = why;
  }
  if (options_.notify) options_.notify();
}

void Connected::onDisconnected(natsConnection* connection, void* self) {
  static_cast<Connected*>(self)->setConnected(
      false, withLastError(connection, "the connection to the log's servers was lost"));
}

void Connected::onReconnected(natsConnection*, void* self) {
  static_cast<Connected*>(self)->setConnected(true, "");
}

void Connected::onClosed(natsConnection* connection, void* self) {
  auto* const connected = static_cast<Connected*>(self);
  connected->setConnected(
      false, withLastError(connection, "the connection to the log's servers was ended"));
  // Whoever waits for that may destroy everything.
  const MutexLock lock(connected->mutex_);
  connected->closed_ = true;
  connected->ended_.notifyAll();
}

}  // namespace holdfast::replication::nats
