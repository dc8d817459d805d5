// Three servers of NATS on this machine and a temporary directory, the engine of a group's log.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/temporary_directory.h"

namespace holdfast::bench {

class NatsCluster {
 public:
  // Why there cannot be one, and what to do: nats-server is not installed. Empty: there can.
  static std::string missing();

  NatsCluster() = default;
  // Kills them.
  ~NatsCluster();
  NatsCluster(const NatsCluster&) = delete;
  NatsCluster& operator=(const NatsCluster&) = delete;

  // Empty: they run. Otherwise why they do not.
  std::string start();
  // Of a daemon that shares their log; all of them are one group.
  std::vector<std::string> daemonArguments() const;

 private:
  struct Server {
    uint16_t port = 0;
    uint16_t clusterPort = 0;
    pid_t process = 0;
  };
  void configure(size_t server) const;
  std::string directoryOf(size_t server) const;

  TemporaryDirectory directory_;
  std::array<Server, 3> servers_;
};

}  // namespace holdfast::bench
