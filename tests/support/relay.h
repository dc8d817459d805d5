// A relay between a port of this machine and a server, which a test holds up: as a network does
// that is slow, or a peer that stands still in the middle of something.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>

namespace holdfast::test {

class Relay {
 public:
  // `target`: "unix:PATH" or "127.0.0.1:PORT". Connections to address() go on to it.
  explicit Relay(std::string target);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Nothing passes any more, either way; connections stay open. Holds when it returns.
  void hold();
  // Likewise, once so many bytes have come from the server, of all connections.
  void holdAfter(uint64_t bytes) { bytesMax_ = bytes; }
  // Everything passes, what was held up first.
  void resume();
  // From the server, that passed.
  uint64_t passed() const { return passed_; }

 private:
  void run();

  const std::string target_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<uint64_t> bytesMax_{std::numeric_limits<uint64_t>::max()};
  std::atomic<uint64_t> passed_{0};
  std::atomic<uint64_t> rounds_{0};
  std::atomic<bool> held_{false};
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace holdfast::test
