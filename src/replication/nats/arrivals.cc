#include "replication/nats/arrivals.h"

#include <utility>

namespace holdfast::replication::nats {
namespace {

// What a poll may have to handle at once.
constexpr size_t kRecordBytesWaitingMax = size_t{8} << 20;

}  // namespace

void Arrivals::add(Arrival arrival) {
  {
    const MutexLock lock(mutex_);
    if (lost_) return;
    lost_ = std::holds_alternative<Error>(arrival);
    arrivals_.push_back(std::move(arrival));
  }
  if (notify_) notify_();
}

void Arrivals::appended(AppendId id, LogSequence sequence) {
  add(Appended{id, sequence});
}

void Arrivals::unknown(AppendId id, std::string why) {
  add(Unknown{id, std::move(why)});
}

void Arrivals::fetched(LogSequence sequence, std::string_view bytes) {
  add(Fetched{sequence, std::string(bytes)});
}

void Arrivals::lost(Error why) {
  add(std::move(why));
}

bool Arrivals::taken(uint64_t follow) const {
  return follow == follow_ && !closed_ && !lost_;
}

bool Arrivals::record(uint64_t follow, LogSequence sequence, std::string_view bytes) {
  {
    const MutexLock lock(mutex_);
    while (taken(follow) && recordBytes_ >= kRecordBytesWaitingMax) taken_.wait(mutex_);
    if (!taken(follow)) return false;
    recordBytes_ += bytes.size();
    arrivals_.emplace_back(Record{follow, sequence, std::string(bytes)});
  }
  if (notify_) notify_();
  return true;
}

void Arrivals::follow(uint64_t follow) {
  const MutexLock lock(mutex_);
  follow_ = follow;
  taken_.notifyAll();
}

void Arrivals::close() {
  const MutexLock lock(mutex_);
  closed_ = true;
  taken_.notifyAll();
}

void Arrivals::deliver(LogListener& listener) {
  std::deque<Arrival> arrivals;
  {
    const MutexLock lock(mutex_);
    arrivals.swap(arrivals_);
    recordBytes_ = 0;
    taken_.notifyAll();
  }
  for (const Arrival& arrival : arrivals) deliver(listener, arrival);
}

void Arrivals::deliver(LogListener& listener, const Arrival& arrival) {
  if (const auto* appended = std::get_if<Appended>(&arrival)) {
    listener.onAppended(appended->id, appended->sequence);
  } else if (const auto* unknown = std::get_if<Unknown>(&arrival)) {
    listener.onAppendUnknown(unknown->id, {ErrorCode::kUnavailable, unknown->why});
  } else if (const auto* fetched = std::get_if<Fetched>(&arrival)) {
    listener.onFetched(fetched->sequence, fetched->bytes);
  } else if (const auto* record = std::get_if<Record>(&arrival)) {
    // The listener may have asked for others meanwhile.
    if (wanted(record->follow)) listener.onRecord(record->sequence, record->bytes);
  } else {
    listener.onLogLost(std::get<Error>(arrival));
  }
}

bool Arrivals::wanted(uint64_t follow) {
  const MutexLock lock(mutex_);
  return follow == follow_;
}

}  // namespace holdfast::replication::nats
