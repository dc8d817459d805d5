// What the threads of a NatsLog found out, until poll() delivers it.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

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

  const std::function<void()> notify_;
  std::mutex mutex_;
  std::condition_variable taken_;
  std::deque<Arrival> arrivals_;
  size_t recordBytes_ = 0;
  uint64_t follow_ = 0;
  bool lost_ = false;
  bool closed_ = false;
};

}  // namespace holdfast::replication::nats
