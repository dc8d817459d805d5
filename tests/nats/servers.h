// Real servers of the log's engine: nats-server of Debian, or the one that HOLDFAST_NATS_SERVER
// names; each a process of its own, in a directory of the test's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "replication/nats/nats_options.h"
#include "tests/support/scratch.h"

namespace holdfast::test {

class NatsServers {
 public:
  // `more` goes into each one's configuration.
  explicit NatsServers(size_t count, const std::string& more = "");
  // Kills them.
  ~NatsServers();
  NatsServers(const NatsServers&) = delete;
  NatsServers& operator=(const NatsServers&) = delete;

  // What more its configuration has, from its next start on.
  void configure(size_t server, const std::string& more) const;
  void start(size_t server);
  void kill(size_t server);    // -9
  void stop(size_t server);    // SIGSTOP
  void resume(size_t server);  // SIGCONT
  // Servers are named n0, n1, ...
  size_t named(const std::string& name) const { return std::stoul(name.substr(1)); }
  // How they are reached, with short times; as many replicas as servers.
  replication::NatsOptions options() const;

 private:
  struct Server {
    uint16_t port = 0;
    uint16_t clusterPort = 0;
    pid_t process = 0;  // 0: it does not run
  };

  Scratch scratch_;
  std::vector<Server> servers_;
};

}  // namespace holdfast::test
