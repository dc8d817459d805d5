// Whether an answer is to be believed that would end this controller: a node that has just begun to
// lead, of a stream or of all of them, answers out of what it has read of its own log by then, and
// may for a moment not know of a stream or of its last records.
#pragma once

#include <chrono>
#include <cstdint>

namespace holdfast::replication::nats {

// By one thread at a time.
class Doubt {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // Until the answer has come `times` times in a row, the last one so long after the first one.
  Doubt(uint32_t times, std::chrono::milliseconds time) : times_(times), time_(time) {}

  // It was given once more. True: it is to be believed.
  bool again(Time now) {
    if (given_ == 0) since_ = now;
    if (given_ < times_) ++given_;
    return given_ >= times_ && now - since_ >= time_;
  }
  // Another answer came, or none.
  void over() { given_ = 0; }

 private:
  const uint32_t times_;
  const std::chrono::milliseconds time_;
  uint32_t given_ = 0;
  Time since_;
};

}  // namespace holdfast::replication::nats
