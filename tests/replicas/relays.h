// The wires between processes of a test: each relay is a port on loopback whose connections go on
// to an address, and can be cut. One thread serves all.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::test {

enum class Wire : uint8_t {
  kWhole,
  kSilent,  // nothing passes, in either direction; connections stay, and go on when it is whole
  kReset,   // connections are reset, new ones too
};

class Relays {
 public:
  Relays();
  // Resets all connections.
  ~Relays();
  Relays(const Relays&) = delete;
  Relays& operator=(const Relays&) = delete;

  // A new relay, whole. Connections to its port on 127.0.0.1 go on to a Unix socket, or to a port
  // there; who cannot be reached resets them.
  size_t toSocket(const std::string& path);
  size_t toPort(uint16_t port);
  uint16_t port(size_t relay) const;
  void set(size_t relay, Wire wire);

 private:
  // Bytes read from one end and not yet written to the other.
  struct Buffer {
    std::array<char, 65'536> bytes;
    size_t begin = 0;
    size_t end = 0;
    bool ended = false;  // nothing more comes
  };
  struct Connection {
    std::array<int, 2> ends{-1, -1};
    std::array<Buffer, 2> buffers;  // [i]: from ends[i]
    bool over = false;
  };
  struct Relay {
    int listener = -1;
    uint16_t port = 0;
    std::string socketPath;  // empty: targetPort
    uint16_t targetPort = 0;
    Wire wire = Wire::kWhole;
    std::vector<std::unique_ptr<Connection>> connections;
  };

  size_t add(std::string socketPath, uint16_t targetPort);
  void wake() const;
  void run();
  static void accept(Relay& relay);
  static void pass(Connection& connection, size_t from);
  static void reset(Connection& connection);

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Relay>> relays_;
  bool stop_ = false;
  int wakeup_ = -1;
  std::thread thread_;
};

}  // namespace holdfast::test
