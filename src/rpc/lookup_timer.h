// How long a connection's look-ups take, from the arrival of a call's last byte at the socket to
// the moment in which its answer is given to the socket. Errors are not counted.
#pragma once

#include <capnp/rpc.capnp.h>
#include <kj/time.h>

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "serving/latency_histogram.h"

namespace holdfast {

class LookupTimer {
 public:
  // Both outlive the timer; nanoseconds.
  LookupTimer(LatencyHistogram& all, LatencyHistogram& window) : all_(all), window_(window) {}

  // A call that came, and an answer that is written next. May throw as Cap'n Proto does where a
  // message is malformed.
  void received(capnp::rpc::Call::Reader call, kj::TimePoint arrival);
  void writing(capnp::rpc::Return::Reader answer);
  // What was written is given to the socket.
  void sending(kj::TimePoint now);

 private:
  LatencyHistogram& all_;
  LatencyHistogram& window_;
  std::unordered_map<uint32_t, kj::TimePoint> asked_;  // by the question's number
  std::vector<kj::TimePoint> answered_;                // not yet given to the socket
};

}  // namespace holdfast
