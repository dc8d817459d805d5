#include "bench/nats_cluster.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace holdfast::bench {
namespace {

// Debian puts it where only root looks.
std::string natsServer() {
  if (const char* const named = std::getenv("HOLDFAST_NATS_SERVER")) return named;
  std::string path = "/usr/sbin:/usr/local/bin:/usr/bin";
  if (const char* const own = std::getenv("PATH")) path = std::string(own) + ":" + path;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find(':', at), path.size());
    const std::string file = path.substr(at, end - at) + "/nats-server";
    if (access(file.c_str(), X_OK) == 0) return file;
    at = end + 1;
  }
  return {};
}

// Nobody had it a moment ago.
int reservePort(uint16_t& port) {
  const int held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(held, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
      getsockname(held, reinterpret_cast<sockaddr*>(&address), &size) == 0) {
    port = ntohs(address.sin_port);
  }
  return held;
}

}  // namespace

std::string NatsCluster::missing() {
  return natsServer().empty() ? "nats-server is not installed; tools/setup installs it" : "";
}

NatsCluster::~NatsCluster() {
  for (const Server& server : servers_) {
    if (server.process <= 0) continue;
    kill(server.process, SIGKILL);
    waitpid(server.process, nullptr, 0);
  }
}

std::string NatsCluster::directoryOf(size_t server) const {
  return directory_.path() + "/n" + std::to_string(server);
}

void NatsCluster::configure(size_t server) const {
  std::ofstream out(directoryOf(server) + ".conf");
  out << "server_name: n" << server << "\nlisten: 127.0.0.1:" << servers_[server].port
      << "\njetstream { store_dir: \"" << directoryOf(server)
      << "\", max_memory_store: 64MB, max_file_store: 2GB }\ncluster { name: bench, listen: "
      << "127.0.0.1:" << servers_[server].clusterPort << ", routes: [";
  for (size_t other = 0; other < servers_.size(); ++other) {
    out << (other == 0 ? " " : ", ") << "nats-route://127.0.0.1:" << servers_[other].clusterPort;
  }
  out << " ] }\n";
}

std::string NatsCluster::start() {
  if (std::string why = missing(); !why.empty()) return why;
  std::vector<int> held;
  for (Server& server : servers_) {
    held.push_back(reservePort(server.port));
    held.push_back(reservePort(server.clusterPort));
  }
  for (const int one : held) close(one);
  const std::string binary = natsServer();
  for (size_t i = 0; i < servers_.size(); ++i) {
    configure(i);
    const std::string log = directoryOf(i) + ".log";
    const std::string configuration = directoryOf(i) + ".conf";
    servers_[i].process = fork();
    if (servers_[i].process != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    execl(binary.c_str(), binary.c_str(), "-c", configuration.c_str(), nullptr);
    _exit(127);
  }
  return {};
}

std::vector<std::string> NatsCluster::daemonArguments() const {
  std::vector<std::string> arguments = {"--cluster", "bench", "--nats-size", "1GiB"};
  for (const Server& server : servers_) {
    arguments.insert(arguments.end(),
                     {"--replicate-nats", "nats://127.0.0.1:" + std::to_string(server.port)});
  }
  return arguments;
}

}  // namespace holdfast::bench
