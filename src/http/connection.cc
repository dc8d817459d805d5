#include "http/connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/body.h"
#include "http/error_reply.h"
#include "http/server.h"
#include "net/ready_stream.h"

namespace holdfast::http {
namespace {

// Read of a body, or written of an answer, at once.
constexpr size_t kPieceBytes = 64 << 10;
// What a body whose length is not told gets at first; then it gets room for the longest, of which
// only the pages that are filled take memory.
constexpr size_t kFirstRoomBytes = 64 << 10;

kj::StringPtr terminated(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace

class Connection::Wire final : public kj::AsyncIoStream {
 public:
  explicit Wire(Connection& connection) : connection_(connection) {}

  Connection& connection() { return connection_; }

  kj::Promise<size_t> tryRead(void* buffer, size_t minBytes, size_t maxBytes) override {
    kj::AsyncIoStream& ready = *connection_.ready_;
    if (connection_.phase_ != Phase::kIdle) return ready.tryRead(buffer, minBytes, maxBytes);
    // KJ's server asks for the next request whatever the peer said about that.
    if (connection_.closes_) return size_t{0};
    if (connection_.headerBytes_ > connection_.server_.bounds().headerBytesMax) {
      return connection_.refuseHeaders();
    }
    return ready.tryRead(buffer, minBytes, maxBytes).then([this](size_t had) {
      connection_.headerBytes_ += had;
      return had;
    });
  }
  kj::Promise<void> write(const void* buffer, size_t size) override {
    if (connection_.refused_) return kj::READY_NOW;
    return connection_.ready_->write(buffer, size);
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>> pieces) override {
    if (connection_.refused_) return kj::READY_NOW;
    return connection_.ready_->write(pieces);
  }
  kj::Promise<void> whenWriteDisconnected() override {
    return connection_.ready_->whenWriteDisconnected();
  }
  // Its end is the connection's: linger().
  void shutdownWrite() override {}
  void abortRead() override { connection_.ready_->abortRead(); }

 private:
  Connection& connection_;
};

kj::HttpService& serviceOf(kj::AsyncIoStream& wire) {
  return static_cast<Connection::Wire&>(wire).connection();
}

Connection::Connection(Server& server, AcceptedSocket socket)
    : server_(server),
      routes_(server.routesOf(socket.mark)),
      isUnix_(socket.isUnix),
      trust_(socket.trust),
      address_(socket.address),
      share_(server.grounds().sockets.held,
             [this](ConnectionEnd end, size_t bytes) {
               endSoon(end, "it makes the controller hold " + std::to_string(bytes) + " bytes");
             }),
      socket_(kj::mv(socket.fd), socket.notBefore, server.grounds().sockets.port,
              server.grounds().sockets.turns, server.grounds().sockets.budget),
      since_(server.now()),
      ended_(nullptr) {
  auto paf = kj::newPromiseAndFulfiller<void>();
  asked_ = kj::mv(paf.fulfiller);
  ended_ = kj::mv(paf.promise);
  ++server_.grounds().connections;
}

Connection::~Connection() {
  --server_.grounds().connections;
  server_.grounds().addresses.leave(address_);
}

kj::Promise<void> Connection::run() {
  return makeReady(socket_, isUnix_, server_.grounds().sockets)
      .then([this](ReadyStream&& ready) -> kj::Promise<void> {
        KJ_IF_MAYBE (fd, socket_.getFd()) peer_ = peerName(*fd);
        if (ready.stream.get() == nullptr) {
          end_ = ready.end;
          reason_ = std::move(ready.why);
          return kj::READY_NOW;
        }
        ready_ = kj::mv(ready.stream);
        certificate_ = std::move(ready.certificate);
        socket_.setUnsentMax(server_.bounds().unsentBytesMax);
        socket_.onSending([this]() {
          if (!onSending_) return;
          std::exchange(onSending_, {})(kj::systemPreciseMonotonicClock().now());
        });
        enter(Phase::kIdle);
        wire_ = kj::heap<Wire>(*this);
        return server_.http()
            .listenHttpCleanDrain(*wire_)
            .catch_([](kj::Exception&&) { return false; })
            .then([this](bool) { return linger(); });
      });
}

void Connection::endSoon(ConnectionEnd end, std::string reason) {
  if (!std::exchange(endsSoon_, true)) {
    end_ = end;
    reason_ = std::move(reason);
  }
  asked_->fulfill();
}

void Connection::endIfSilent() {
  if (phase_ == Phase::kSilent) endSoon(ConnectionEnd::kStopped, {});
}

void Connection::check(kj::TimePoint now) {
  const Bounds& bounds = server_.bounds();
  const kj::Duration spent = now - since_;
  if (phase_ == Phase::kSilent && spent > bounds.headerPatience) {
    return endSoon(ConnectionEnd::kSilent, {});
  }
  if (phase_ == Phase::kReading && spent > bounds.bodyPatience) {
    return endSoon(ConnectionEnd::kSilent, "it did not send the body of its request in time");
  }
  if (phase_ == Phase::kWriting && spent > bounds.answerPatience) {
    return endSoon(ConnectionEnd::kUnread, "it does not read its answers");
  }
  // Whoever only listens is not asked again.
  if (streams_ && principal_ && !server_.grounds().access.isValid(*principal_)) {
    return endSoon(ConnectionEnd::kTokenGone, tokenGone(*principal_));
  }
}

void Connection::enter(Phase phase) {
  phase_ = phase;
  since_ = server_.now();
}

void Connection::hold(size_t bytes) {
  held_ += bytes;
  share_.hold(bytes);
}

void Connection::finished() {
  share_.release(std::exchange(held_, 0));
  enter(Phase::kIdle);
  server_.ended(*this);
}

// --- bodies ---

kj::Promise<Connection::Received> Connection::receive(kj::AsyncInputStream& body,
                                                      Request& request) {
  const size_t max = server_.bounds().bodyBytesMax;
  size_t room = std::min(kFirstRoomBytes, max + 1);
  size_t expected = SIZE_MAX;
  KJ_IF_MAYBE (length, body.tryGetLength()) {
    if (*length > max) return Received::kTooLarge;
    expected = room = *length;
  }
  request.buffer = kj::heapArray<kj::byte>(room + kBodyPadding);
  return receiveOn(body, request, expected);
}

kj::Promise<Connection::Received> Connection::receiveOn(kj::AsyncInputStream& body,
                                                        Request& request, size_t expected) {
  const size_t max = server_.bounds().bodyBytesMax;
  size_t room = request.buffer.size() - kBodyPadding - request.bodyBytes;
  if (request.bodyBytes == expected) {
    std::memset(request.buffer.begin() + request.bodyBytes, 0, kBodyPadding);
    return Received::kAll;
  }
  if (request.bodyBytes > max) return Received::kTooLarge;
  if (room == 0) {
    auto larger = kj::heapArray<kj::byte>(max + 1 + kBodyPadding);
    std::memcpy(larger.begin(), request.buffer.begin(), request.bodyBytes);
    request.buffer = kj::mv(larger);
    room = request.buffer.size() - kBodyPadding - request.bodyBytes;
  }
  const size_t wanted = std::min(room, kPieceBytes);
  return body.tryRead(request.buffer.begin() + request.bodyBytes, wanted, wanted)
      .then([this, &body, &request, expected, wanted](size_t had) -> kj::Promise<Received> {
        request.bodyBytes += had;
        hold(had);
        // KJ's reader fails by itself where a body is shorter than it was told to be.
        const size_t end = had < wanted ? request.bodyBytes : expected;
        if (had < kPieceBytes) return receiveOn(body, request, end);
        // There is more than a piece: others have their turn.
        return server_.grounds()
            .sockets.budget.ready(ReadBudget::kBytesPerTurn)
            .then([this, &body, &request, end]() { return receiveOn(body, request, end); });
      });
}

// --- answers ---

kj::Promise<void> Connection::respond(Response& response, Reply reply, std::string_view allow) {
  const HeaderNames& names = server_.headers();
  kj::HttpHeaders headers(*names.table);
  if (!reply.body.empty()) headers.set(kj::HttpHeaderId::CONTENT_TYPE, terminated(reply.type));
  if (!allow.empty()) headers.set(names.allow, kj::heapString(allow.data(), allow.size()));
  if (reply.status == 401) headers.set(names.authenticate, "Bearer");
  if (reply.status == 503) headers.set(names.retryAfter, kj::str(kRetryAfterSeconds));
  server_.sayReplica(headers);
  hold(reply.body.size());
  enter(Phase::kWriting);
  auto stream =
      response.send(reply.status, terminated(reasonOf(reply.status)), headers, reply.body.size());
  if (head_ || reply.body.empty()) return kj::READY_NOW;
  auto body = kj::heap<std::string>(std::move(reply.body));
  auto written = body->size() <= kPieceBytes ? stream->write(body->data(), body->size())
                                             : writeFrom(*stream, *body);
  return written.attach(kj::mv(stream), kj::mv(body));
}

kj::Promise<void> Connection::writeFrom(kj::AsyncOutputStream& to, std::string_view rest) {
  const std::string_view piece = rest.substr(0, kPieceBytes);
  rest.remove_prefix(piece.size());
  return to.write(piece.data(), piece.size()).then([this, &to, rest]() -> kj::Promise<void> {
    // The peer takes it, if slowly.
    enter(Phase::kWriting);
    if (rest.empty()) return kj::READY_NOW;
    return server_.grounds()
        .sockets.budget.ready(ReadBudget::kBytesPerTurn)
        .then([this, &to, rest]() { return writeFrom(to, rest); });
  });
}

kj::Promise<size_t> Connection::refuseHeaders() {
  const Reply reply =
      errorReply(431, codeOf(431),
                 "the headers of a request may have " +
                     std::to_string(server_.bounds().headerBytesMax) + " bytes at most");
  auto text = kj::str("HTTP/1.1 431 ", terminated(reasonOf(431)),
                      "\r\nConnection: close\r\nContent-Type: application/json\r\n"
                      "Content-Length: ",
                      reply.body.size(), "\r\n\r\n", reply.body.c_str());
  refused_ = true;
  auto written = ready_->write(text.begin(), text.size());
  return written.attach(kj::mv(text)).then([]() { return size_t{0}; });
}

kj::Promise<void> Connection::linger() {
  enter(Phase::kWriting);
  ready_->shutdownWrite();
  if (server_.drains()) return socket_.drained();
  return socket_.drained()
      .then([this]() { return discard(server_.bounds().lingerBytesMax); })
      .exclusiveJoin(
          server_.grounds().sockets.port.getTimer().afterDelay(server_.bounds().lingerPatience));
}

kj::Promise<void> Connection::discard(size_t most) {
  // Whatever it is, and whoever else reads into it.
  static kj::byte nowhere[4096];
  return ready_->tryRead(nowhere, 1, sizeof(nowhere))
      .then([this, most](size_t had) -> kj::Promise<void> {
        if (had == 0 || had >= most) return kj::READY_NOW;
        return discard(most - had);
      });
}

}  // namespace holdfast::http
