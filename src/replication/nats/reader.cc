#include "replication/nats/reader.h"

#include <chrono>
#include <utility>

namespace holdfast::replication::nats {
namespace {

constexpr std::chrono::milliseconds kPause{100};
constexpr int64_t kSilenceMs = 1000;
constexpr int64_t kFlushMs = 1000;
// A node that has just become the stream's leader may not yet know of its last records.
constexpr uint32_t kTooShortMax = 50;

}  // namespace

Reader::Reader(Connected& connected, Arrivals& arrivals)
    : connected_(connected), arrivals_(arrivals), thread_([this] { run(); }) {}

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
      tooShort_ = 0;
    }
    while (next_ != 0 && wanted(follow)) read(follow);
  }
}

void Reader::read(uint64_t follow) {
  if (!there(follow)) return pause();
  Subscription subscription = subscribe();
  if (!subscription) return pause();
  read(follow, subscription.get());
  end(std::move(subscription));
}

void Reader::read(uint64_t follow, natsSubscription* subscription) {
  while (wanted(follow)) {
    natsMsg* raw = nullptr;
    const natsStatus status = natsSubscription_NextMsg(&raw, subscription, kSilenceMs);
    const Message message(raw);
    if (status == NATS_TIMEOUT) {
      // The consumer may be gone with its server, in silence.
      const auto stream = connected_.look();
      if (stream.ok() && stream.value().last < next_) continue;
      return;
    }
    if (status != NATS_OK) return pause();
    jsMsgMetaData* meta = nullptr;
    if (natsMsg_GetMetaData(&meta, raw) != NATS_OK) return;
    const LogSequence sequence = meta->Sequence.Stream;
    jsMsgMetaData_Destroy(meta);
    if (sequence < next_) continue;
    if (sequence > next_) return;  // something is missing, there() sees what
    const std::string_view bytes(natsMsg_GetData(raw),
                                 static_cast<size_t>(natsMsg_GetDataLength(raw)));
    if (!arrivals_.record(follow, sequence, bytes)) return;
    ++next_;
  }
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
    tooShort_ = 0;
    return wanted(follow);
  }
  if (++tooShort_ >= kTooShortMax) {
    lost("stream " + has.name + " ends with " + std::to_string(has.last) + ", before " +
         std::to_string(next_) +
         ", which is wanted: it was cut or restored, and this store has "
         "what is in it no longer");
  }
  return false;
}

Subscription Reader::subscribe() {
  const Stream& stream = connected_.stream();
  jsSubOptions how;
  jsSubOptions_Init(&how);
  how.Stream = stream.name.c_str();
  how.Ordered = true;
  how.Config.DeliverPolicy = js_DeliverByStartSequence;
  how.Config.OptStartSeq = next_;
  natsSubscription* raw = nullptr;
  js_SubscribeSync(&raw, connected_.js(), stream.subject.c_str(), nullptr, &how, nullptr);
  return Subscription(raw);
}

void Reader::end(Subscription subscription) {
  natsSubscription_Unsubscribe(subscription.get());
  ended_.push_back(std::move(subscription));
  if (natsConnection_FlushTimeout(connected_.connection(), kFlushMs) == NATS_OK) ended_.clear();
}

void Reader::lost(std::string why) {
  arrivals_.lost({ErrorCode::kNotFound, std::move(why)});
  next_ = 0;
}

}  // namespace holdfast::replication::nats
