// Real servers of the log's engine: nats-server of Debian, or the one that HOLDFAST_NATS_SERVER
// names; each a process of its own, in a directory of the test's.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "replication/nats/nats_options.h"
#include "tests/support/scratch.h"

namespace holdfast::test {

class NatsServers {
 public:
  // The port by which one of them reaches another one's port for the cluster.
  using Route = std::function<uint16_t(size_t from, size_t to, uint16_t port)>;

  // `more` goes into each one's configuration. With a `route` they reach each other by that alone,
  // and tell nobody of another way to any of them.
  explicit NatsServers(size_t count, const std::string& more = "", Route route = {});
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
  uint16_t port(size_t server) const { return servers_[server].port; }
  // What it has said since it was made.
  std::string log(size_t server) const;
  // How they are reached, with short times; as many replicas as servers.
  replication::NatsOptions options() const;

 private:
  struct Server {
    uint16_t port = 0;
    uint16_t clusterPort = 0;
    pid_t process = 0;  // 0: it does not run
  };

  std::string routesOf(size_t server) const;

  Scratch scratch_;
  const Route route_;
  std::vector<Server> servers_;
};

}  // namespace holdfast::test
