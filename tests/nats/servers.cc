#include "tests/nats/servers.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "tests/support/free_ports.h"

namespace holdfast::test {
namespace {

std::string program() {
  const char* const named = std::getenv("HOLDFAST_NATS_SERVER");
  return named != nullptr ? named : "/usr/sbin/nats-server";
}

}  // namespace

NatsServers::NatsServers(size_t count, const std::string& more, Route route)
    : route_(std::move(route)) {
  const auto ports = freePorts(2 * count);
  for (size_t i = 0; i < count; ++i) {
    servers_.push_back({.port = ports[2 * i], .clusterPort = ports[2 * i + 1], .process = 0});
  }
  for (size_t i = 0; i < count; ++i) {
    configure(i, more);
    start(i);
  }
}

NatsServers::~NatsServers() {
  for (size_t i = 0; i < servers_.size(); ++i) kill(i);
}

void NatsServers::configure(size_t server, const std::string& more) const {
  const std::string name = "n" + std::to_string(server);
  std::ofstream out(scratch_.path() / (name + ".conf"));
  out << "server_name: " << name << "\nlisten: 127.0.0.1:" << servers_[server].port
      << "\njetstream { store_dir: \"" << (scratch_.path() / name).string()
      << "\", max_memory_store: 64MB, max_file_store: 1GB }\n"
      << more << "\n";
  if (servers_.size() == 1) return;
  out << "cluster { name: hf, listen: 127.0.0.1:" << servers_[server].clusterPort;
  // Nobody listens at what it tells the others of itself.
  if (route_) out << ", no_advertise: true, advertise: \"127.0.0.1:1\"";
  out << ", routes: [ " << routesOf(server) << " ] }\n";
}

std::string NatsServers::routesOf(size_t server) const {
  std::string routes;
  for (size_t i = 0; i < servers_.size(); ++i) {
    uint16_t port = servers_[i].clusterPort;
    if (route_) {
      if (i == server) continue;
      port = route_(server, i, port);
    }
    if (!routes.empty()) routes += ", ";
    routes += "nats-route://127.0.0.1:" + std::to_string(port);
  }
  return routes;
}

void NatsServers::start(size_t server) {
  const std::string name = (scratch_.path() / ("n" + std::to_string(server))).string();
  const std::string binary = program();
  const std::string configuration = name + ".conf";
  const pid_t child = fork();
  if (child == 0) {
    const int log = open((name + ".log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execl(binary.c_str(), binary.c_str(), "-c", configuration.c_str(), nullptr);
    _exit(127);
  }
  servers_[server].process = child;
}

void NatsServers::kill(size_t server) {
  pid_t& process = servers_[server].process;
  if (process == 0) return;
  ::kill(process, SIGKILL);
  waitpid(process, nullptr, 0);
  process = 0;
}

void NatsServers::stop(size_t server) {
  ::kill(servers_[server].process, SIGSTOP);
}

void NatsServers::resume(size_t server) {
  ::kill(servers_[server].process, SIGCONT);
}

std::string NatsServers::log(size_t server) const {
  std::ifstream in(scratch_.path() / ("n" + std::to_string(server) + ".log"));
  return {std::istreambuf_iterator<char>(in), {}};
}

replication::NatsOptions NatsServers::options() const {
  replication::NatsOptions options;
  for (const Server& server : servers_) {
    options.servers.push_back("nats://127.0.0.1:" + std::to_string(server.port));
  }
  options.cluster = "test";
  options.replicas = static_cast<uint32_t>(servers_.size());
  options.bytesMax = uint64_t{64} << 20;
  return options;
}

}  // namespace holdfast::test
