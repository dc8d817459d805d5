// What the threads of a NatsLog found out, until poll() delivers it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "locks/mutex.h"
#include "replication/log.h"

namespace holdfast::replication::nats {

// Any thread but deliver(), which is the log's owner's.
class Arrivals {
 public:
  explicit Arrivals(std::function<void()> notify) : notify_(std::move(notify)) {}

  void appended(AppendId id, LogSequence sequence);
  void unknown(AppendId id, std::string why);
  void fetched(LogSequence sequence, std::string_view bytes);
  // A record of follow(), numbered so. Waits while too much of them waits already. False: they are
  // not wanted any more.
  bool record(uint64_t follow, LogSequence sequence, std::string_view bytes);
  // The last thing that is delivered.
  void lost(Error why);

  // Another follow(): of the former one nothing is delivered any more.
  void follow(uint64_t follow);
  // Nobody waits in record() any more.
  void close();
  void deliver(LogListener& listener);

 private:
  struct Appended {
    AppendId id = 0;
    LogSequence sequence = 0;
  };
  struct Unknown {
    AppendId id = 0;
    std::string why;
  };
  struct Fetched {
    LogSequence sequence = 0;
    std::string bytes;
  };
  struct Record {
    uint64_t follow = 0;
    LogSequence sequence = 0;
    std::string bytes;
  };
  using Arrival = std::variant<Appended, Unknown, Fetched, Record, Error>;

  void add(Arrival arrival);
  void deliver(LogListener& listener, const Arrival& arrival);
  bool wanted(uint64_t follow);
  // Whether records of it are still taken.
  bool taken(uint64_t follow) const HOLDFAST_REQUIRES(mutex_);

  const std::function<void()> notify_;
  Mutex mutex_;
  Condition taken_;
  std::deque<Arrival> arrivals_ HOLDFAST_GUARDED_BY(mutex_);
  size_t recordBytes_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  uint64_t follow_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  bool lost_ HOLDFAST_GUARDED_BY(mutex_) = false;
  bool closed_ HOLDFAST_GUARDED_BY(mutex_) = false;
};

}  // namespace holdfast::replication::nats
