#include "gateways/engine_events/streams.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "core/check.h"
#include "gateways/engine_events/decoder.h"

namespace holdfast::engines {
namespace {

using gateways::Socket;
using Parts = std::vector<zmq::message_t>;

constexpr kj::Duration kTick = 200 * kj::MILLISECONDS;
// Messages that ZeroMQ keeps of a source while we do not read.
constexpr int kQueuedMessages = 1'000;
constexpr int kReconnectMs = 100;
constexpr int kReconnectMaxMs = 2'000;
// A peer whose machine is gone is noticed.
constexpr int kPingMs = 5'000;
constexpr int kPingTimeoutMs = 15'000;

std::string_view viewOf(const zmq::message_t& part) {
  return {static_cast<const char*>(part.data()), part.size()};
}

// A number of 8 bytes, big-endian. Anything else: what no message has.
uint64_t seqOf(const zmq::message_t& part) {
  if (part.size() != 8) return UINT64_MAX;
  uint64_t seq = 0;
  for (const char byte : viewOf(part)) seq = seq << 8 | static_cast<uint8_t>(byte);
  return seq;
}

std::array<char, 8> bytesOf(uint64_t seq) {
  std::array<char, 8> bytes{};
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(seq >> (56 - 8 * i));
  return bytes;
}

void setPeer(Socket& socket) {
  socket.raw().set(zmq::sockopt::reconnect_ivl, kReconnectMs);
  socket.raw().set(zmq::sockopt::reconnect_ivl_max, kReconnectMaxMs);
  socket.raw().set(zmq::sockopt::heartbeat_ivl, kPingMs);
  socket.raw().set(zmq::sockopt::heartbeat_timeout, kPingTimeoutMs);
}

}  // namespace

struct Streams::Stream {
  Stream(gateways::SocketLoop& sockets, SourceId itsId, const EngineSource& its,
         const StreamsOptions& options, Gathering& gathering, HeldMessages& held,
         std::optional<SourcePosition> position)
      : id(itsId),
        source(its),
        reader(itsId, source, options.reading, gathering),
        machine(
            {.canReplay = !its.replayEndpoint.empty(), .replayTimeoutMs = options.replayTimeoutMs},
            reader, held, position),
        events(sockets, zmq::socket_type::sub, kPayloadBytesMax),
        connections(sockets) {}

  // What the last hand-over told of it.
  struct Told {
    bool connected = false;
    uint64_t messages = 0;
    uint64_t others = 0;
  };

  const SourceId id;
  const EngineSource source;
  Reader reader;
  Source machine;
  Socket events;
  gateways::ConnectionEvents connections;
  std::unique_ptr<Socket> replay;  // one for each that was asked for
  bool replayQueued = false;
  uint64_t replayFrom = 0;
  uint32_t peers = 0;
  std::string trouble;
  Told told;
  bool touched = false;
  kj::Promise<void> watching = nullptr;
  kj::Promise<void> reading = nullptr;
  kj::Promise<void> replaying = nullptr;
};

Streams::Streams(gateways::SocketLoop& sockets, const kj::Executor& loop, Take take,
                 const StreamsOptions& options)
    : sockets_(sockets),
      loop_(loop.addRef()),
      take_(std::move(take)),
      options_(options),
      tasks_(*this) {
  tasks_.add(tick());
}

Streams::~Streams() = default;

uint64_t Streams::nowMs() const {
  return static_cast<uint64_t>((sockets_.timer.now() - kj::origin<kj::TimePoint>()) /
                               kj::MILLISECONDS);
}

void Streams::open(SourceId id, const EngineSource& source,
                   std::optional<SourcePosition> position) {
  auto made = std::make_unique<Stream>(sockets_, id, source, options_, gathering_, held_, position);
  Stream& stream = *made;
  streams_.emplace(id, std::move(made));
  setPeer(stream.events);
  stream.events.raw().set(zmq::sockopt::rcvhwm, kQueuedMessages);
  stream.events.raw().set(zmq::sockopt::subscribe, source.topic);
  auto error = stream.connections.watch(stream.events);
  if (!error) {
    error =
        source.bind ? stream.events.bind(source.endpoint) : stream.events.connect(source.endpoint);
  }
  if (error) {
    stream.trouble = error->message;
    return after(stream);
  }
  stream.watching =
      watch(stream).eagerlyEvaluate([this](kj::Exception&& e) { taskFailed(kj::mv(e)); });
  stream.reading =
      read(stream).eagerlyEvaluate([this](kj::Exception&& e) { taskFailed(kj::mv(e)); });
}

void Streams::close(SourceId id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  endReplay(*found->second);
  streams_.erase(found);
  startReplays();
}

kj::Promise<void> Streams::closeAll() {
  closing_ = true;
  streams_.clear();
  replaysWaiting_.clear();
  gathering_.handover = {};
  return sending_ ? waiting_.wait() : kj::Promise<void>(kj::READY_NOW);
}

kj::Promise<void> Streams::watch(Stream& stream) {
  return stream.connections.readable().then([this, &stream]() {
    hearConnection(stream);
    after(stream);
    return watch(stream);
  });
}

void Streams::hearConnection(Stream& stream) {
  while (const auto event = stream.connections.next()) {
    if (*event == gateways::ConnectionEvent::kConnected) {
      ++stream.peers;
      stream.machine.connected(nowMs());
    } else if (stream.peers != 0 && --stream.peers == 0) {
      stream.machine.disconnected();
    }
  }
}

kj::Promise<void> Streams::read(Stream& stream) {
  return stream.events.readable().then([this]() { return room(); }).then([this, &stream]() {
    Parts parts;
    for (size_t i = 0; i < kMessagesOfTurn && hasRoom(); ++i) {
      if (!stream.events.receive(parts)) break;
      // What was before this message is known before it.
      hearConnection(stream);
      if (parts.size() < 2) continue;
      stream.machine.live(seqOf(parts[parts.size() - 2]), viewOf(parts.back()), nowMs());
    }
    after(stream);
    return read(stream);
  });
}

// What the machine wants, and what is to be handed over.
void Streams::after(Stream& stream) {
  const auto from = stream.reader.takeReplay();
  if (from || !stream.machine.asking()) endReplay(stream);
  if (from && stream.machine.asking()) {
    stream.replayFrom = *from;
    stream.replayQueued = true;
    replaysWaiting_.push_back(stream.id);
  }
  startReplays();
  changed(stream);
  flush();
}

// To be called before anything else runs once its machine was told something: what that led to may
// be handed over then.
void Streams::changed(Stream& stream) {
  stream.reader.mark(stream.machine.position());
  if (std::exchange(stream.touched, true)) return;
  touched_.push_back(stream.id);
}

void Streams::startReplays() {
  while (replaysRunning_ < kReplaysMax && !replaysWaiting_.empty()) {
    const auto found = streams_.find(replaysWaiting_.front());
    replaysWaiting_.pop_front();
    if (found == streams_.end() || !found->second->replayQueued) continue;
    Stream& stream = *found->second;
    stream.replayQueued = false;
    ++replaysRunning_;
    stream.machine.replayBegins(nowMs());
    stream.replay = std::make_unique<Socket>(sockets_, zmq::socket_type::dealer, kPayloadBytesMax);
    setPeer(*stream.replay);
    // The engine drops what does not fit: it does not wait.
    stream.replay->raw().set(zmq::sockopt::rcvhwm, 0);
    if (stream.replay->connect(stream.source.replayEndpoint)) continue;  // it times out
    const auto from = bytesOf(stream.replayFrom);
    const std::array<std::string_view, 2> request = {std::string_view(),
                                                     std::string_view(from.data(), from.size())};
    stream.replay->send(request);
    stream.replaying =
        readReplay(stream).eagerlyEvaluate([this](kj::Exception&& e) { taskFailed(kj::mv(e)); });
  }
}

void Streams::endReplay(Stream& stream) {
  stream.replayQueued = false;
  if (stream.replay == nullptr) return;
  stream.replaying = nullptr;
  stream.replay.reset();
  --replaysRunning_;
}

kj::Promise<void> Streams::readReplay(Stream& stream) {
  return stream.replay->readable()
      .then([this]() { return room(); })
      .then([this, &stream]() -> kj::Promise<void> {
        Parts parts;
        const auto goesOn = [&]() {
          return stream.machine.asking() && !stream.reader.wantsReplay();
        };
        for (size_t i = 0; i < kMessagesOfTurn && hasRoom() && goesOn(); ++i) {
          if (!stream.replay->receive(parts)) break;
          hearConnection(stream);
          if (!goesOn()) break;
          // Before vLLM 0.26 there is no topic.
          if (parts.size() < 3 || parts[parts.size() - 2].size() != 8) continue;
          const uint64_t seq = seqOf(parts[parts.size() - 2]);
          if (seq == UINT64_MAX) {
            stream.machine.replayEnded(nowMs());
            break;
          }
          stream.machine.replayed(seq, viewOf(parts.back()), nowMs());
        }
        changed(stream);
        // What follows may end the promise that this is a part of.
        tasks_.add(kj::evalLater([this, id = stream.id]() {
          const auto found = streams_.find(id);
          if (found != streams_.end()) after(*found->second);
        }));
        return goesOn() ? readReplay(stream) : kj::Promise<void>(kj::READY_NOW);
      });
}

kj::Promise<void> Streams::tick() {
  return sockets_.timer.afterDelay(kTick).then([this]() {
    for (const auto& [id, stream] : streams_) {
      if (!stream->replayQueued) stream->machine.tick(nowMs());
      if (stream->reader.hasSteps()) changed(*stream);
      const bool over = stream->replay != nullptr && !stream->machine.asking();
      if (over || stream->reader.wantsReplay()) after(*stream);
    }
    return tick();
  });
}

kj::Promise<void> Streams::room() {
  if (hasRoom()) return kj::READY_NOW;
  return waiting_.wait().then([this]() { return room(); });
}

void Streams::flush() {
  if (sending_ || closing_) return;
  sending_ = true;
  tasks_.add(send());
}

// One hand-over is under way at a time; meanwhile the next one is gathered.
kj::Promise<void> Streams::send() {
  for (const SourceId id : std::exchange(touched_, {})) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) continue;
    Stream& stream = *found->second;
    stream.touched = false;
    stream.reader.begin();
    SourceNews news;
    stream.reader.tell(news);
    news.connected = stream.peers != 0;
    news.counts = stream.machine.counts();
    news.trouble = stream.trouble;
    const Stream::Told now{news.connected, news.counts.messages,
                           news.counts.again + news.counts.lost + news.counts.restarts +
                               news.counts.replays + news.counts.unreadable};
    const bool same = now.connected == stream.told.connected &&
                      now.messages == stream.told.messages && now.others == stream.told.others;
    if (same && stream.trouble.empty()) continue;
    stream.told = now;
    stream.trouble.clear();
    gathering_.handover.news.push_back(std::move(news));
  }
  if (gathering_.handover.empty() || closing_) {
    sending_ = false;
    waiting_.wakeAll();
    return kj::READY_NOW;
  }
  auto handover = kj::heap<Handover>(std::exchange(gathering_.handover, {}));
  waiting_.wakeAll();
  return loop_
      ->executeAsync(
          [this, handover = kj::mv(handover)]() mutable { return take_(std::move(*handover)); })
      .then([this]() { return send(); });
}

void Streams::taskFailed(kj::Exception&& exception) {
  HOLDFAST_CHECK(false, "engines' events cannot be handed over: %s", kj::str(exception).cStr());
}

}  // namespace holdfast::engines
