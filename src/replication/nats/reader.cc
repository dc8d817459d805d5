#include "replication/nats/reader.h"

#include <chrono>
#include <utility>

namespace holdfast::replication::nats {
namespace {

constexpr std::chrono::milliseconds kPause{100};
constexpr int64_t kSilenceMs = 1000;
constexpr int64_t kFlushMs = 1000;

}  // namespace

Reader::Reader(Connected& connected, Arrivals& arrivals)
    : connected_(connected),
      arrivals_(arrivals),
      tooShort_(kDoubtTimes, connected.options().doubt),
      missing_(kDoubtTimes, connected.options().doubt),
      thread_([this] { run(); }) {}

Reader::~Reader() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    wakened_.notifyAll();
  }
  thread_.join();
}

void Reader::follow(LogSequence from) {
  const MutexLock lock(mutex_);
  from_ = from;
  arrivals_.follow(++follow_);
  wakened_.notifyAll();
}

bool Reader::wanted(uint64_t follow) {
  const MutexLock lock(mutex_);
  return follow == follow_ && !stopping_;
}

void Reader::pause() {
  const auto until = std::chrono::steady_clock::now() + kPause;
  const MutexLock lock(mutex_);
  while (!stopping_ && wakened_.waitUntil(mutex_, until)) {
  }
}

void Reader::run() {
  uint64_t follow = 0;
  for (;;) {
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && follow_ == follow) wakened_.wait(mutex_);
      if (stopping_) return;
      follow = follow_;
      next_ = from_;
      tooShort_.over();
      missing_.over();
    }
    while (next_ != 0 && wanted(follow)) read(follow);
  }
}

void Reader::read(uint64_t follow) {
  if (!there(follow)) return pause();
  auto session = connected_.session();
  Subscription subscription = subscribe(*session);
  if (!subscription) return pause();
  const bool came = read(follow, subscription.get());
  end(std::move(session), std::move(subscription));
  if (!came && wanted(follow)) lookFor();
}

bool Reader::read(uint64_t follow, natsSubscription* subscription) {
  while (wanted(follow)) {
    natsMsg* raw = nullptr;
    const natsStatus status = natsSubscription_NextMsg(&raw, subscription, kSilenceMs);
    const Message message(raw);
    if (status == NATS_TIMEOUT) {
      // The consumer may be gone with its server, in silence.
      const auto stream = connected_.look();
      if (!stream.ok()) return true;
      if (stream.value().last < next_) continue;
      return false;
    }
    if (status != NATS_OK) {
      pause();
      return true;
    }
    jsMsgMetaData* meta = nullptr;
    if (natsMsg_GetMetaData(&meta, raw) != NATS_OK) return true;
    const LogSequence sequence = meta->Sequence.Stream;
    jsMsgMetaData_Destroy(meta);
    if (sequence < next_) continue;
    if (sequence > next_) return false;
    const std::string_view bytes(natsMsg_GetData(raw),
                                 static_cast<size_t>(natsMsg_GetDataLength(raw)));
    if (!arrivals_.record(follow, sequence, bytes)) return true;
    ++next_;
    missing_.over();
  }
  return true;
}

void Reader::lookFor() {
  const auto record = connected_.fetch(next_, missing_);
  if (!record.ok() && record.error().code == ErrorCode::kNotFound) {
    return lost(record.error().message);
  }
  pause();
}

bool Reader::there(uint64_t follow) {
  const auto stream = connected_.look();
  if (!stream.ok()) {
    // Deleted, made anew, or changed so that it may lose records: waiting does not help.
    if (stream.error().code != ErrorCode::kUnavailable) lost(stream.error().message);
    return false;
  }
  const Stream& has = stream.value();
  if (has.first > next_) {
    lost("stream " + has.name + " begins with " + std::to_string(has.first) + " by now, and " +
         std::to_string(next_) +
         " is wanted: this store is too far behind, and needs a copy of "
         "another one's");
    return false;
  }
  if (has.last + 1 >= next_) {
    tooShort_.over();
    return wanted(follow);
  }
  if (tooShort_.again(std::chrono::steady_clock::now())) {
    lost("stream " + has.name + " ends with " + std::to_string(has.last) + ", before " +
         std::to_string(next_) +
         ", which is wanted: it was cut or restored, and this store has "
         "what is in it no longer");
  }
  return false;
}

Subscription Reader::subscribe(const Session& session) {
  const Stream& stream = connected_.stream();
  jsSubOptions how;
  jsSubOptions_Init(&how);
  how.Stream = stream.name.c_str();
  how.Ordered = true;
  how.Config.DeliverPolicy = js_DeliverByStartSequence;
  how.Config.OptStartSeq = next_;
  natsSubscription* raw = nullptr;
  js_SubscribeSync(&raw, session.js.get(), stream.subject.c_str(), nullptr, &how, nullptr);
  return Subscription(raw);
}

void Reader::end(std::shared_ptr<Session> session, Subscription subscription) {
  natsSubscription_Unsubscribe(subscription.get());
  std::erase_if(ended_, [&](const Ended& each) { return each.session != session; });
  ended_.push_back({session, std::move(subscription)});
  const natsStatus status = natsConnection_FlushTimeout(session->connection.get(), kFlushMs);
  if (status == NATS_OK) ended_.clear();
}

void Reader::lost(std::string why) {
  arrivals_.lost({ErrorCode::kNotFound, std::move(why)});
  next_ = 0;
}

}  // namespace holdfast::replication::nats
