// Workers of LMCache as their controller sees them, many in one process: real sockets, real bytes
// (lmcache 0.5.6), and no engine behind them.
#pragma once

#include <cstdint>
#include <string>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "core/types.h"

namespace holdfast::bench {

class LmcacheLoad {
 public:
  // Where the controller takes reports and requests: "tcp://127.0.0.1:8300".
  struct Ways {
    std::string pull;
    std::string reply;
  };

  // One instance for each worker. They listen, and say that they are well to whoever asks.
  LmcacheLoad(const Ways& ways, uint32_t workers);
  ~LmcacheLoad();
  LmcacheLoad(const LmcacheLoad&) = delete;
  LmcacheLoad& operator=(const LmcacheLoad&) = delete;

  // Registers all. Why that came to nothing; empty: all were answered.
  std::string registerAll();
  // Makes the messages of the next operations, admits all: as many for each worker, and so many in
  // a message. What they take is 36 bytes an operation.
  void prepare(uint64_t perWorker, uint32_t perMessage);
  // Sends what is prepared, the workers in turns. Returns when ZeroMQ has taken it.
  void send();

  // What a worker admits as its operation number `index`.
  static ChunkHash keyOf(uint32_t worker, uint64_t index) {
    return splitmix64Finalise((uint64_t{worker} << 40) + index);
  }

 private:
  struct Worker {
    zmq::socket_t push;
    zmq::socket_t orders;  // of the thread, while it runs
    uint16_t port = 0;
    uint64_t operations = 0;  // prepared until now
    std::vector<std::string> messages;
  };

  void answerOrders();

  const Ways ways_;
  zmq::context_t context_;
  zmq::socket_t end_;  // tells the thread
  std::vector<Worker> workers_;
  std::thread thread_;
};

}  // namespace holdfast::bench
