// Peers that mean no good, of several kinds: what they do to others is measured by how long those
// wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>

#include "bench/daemon_process.h"

namespace holdfast::bench {

struct Doors {
  uint16_t rpc = 0;
  uint16_t http = 0;
};

struct HostileKind {
  const char* name;
  // What such peers do again and again; it keeps what it has opened.
  std::function<std::function<void()>(const Doors&)> begin;
};
std::span<const HostileKind> hostileKinds();

// Some of a kind, from its construction to its end, on what the daemon leaves of a processor.
class HostilePeers {
 public:
  // `daemon` listens on TCP, for RPC and HTTP.
  HostilePeers(const HostileKind& kind, const DaemonProcess& daemon);
  ~HostilePeers();
  HostilePeers(const HostilePeers&) = delete;
  HostilePeers& operator=(const HostilePeers&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace holdfast::bench
