// What a look-up over HTTP takes of the daemon, beside one over RPC.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"

namespace holdfast::bench {
namespace {

constexpr size_t kConnections = 64;

// Keeps connections open and asks on each again as soon as it has its answer.
class HttpLookups {
 public:
  HttpLookups(const std::string& address, const std::vector<ChunkHash>& prompt) {
    std::string body = R"({"hashes":[)";
    for (const ChunkHash hash : prompt) body += std::to_string(hash) + ",";
    body.back() = ']';
    body += '}';
    request_ =
        "POST /v1/lookup HTTP/1.1\r\nHost: " + address +
        "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + body;
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(portOf(address));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < kConnections; ++i) {
      const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const int on = 1;
      setsockopt(one, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (connect(one, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) ok_ = false;
      sockets_.push_back({one, POLLIN, 0});
    }
  }
  ~HttpLookups() {
    for (const pollfd& one : sockets_) close(one.fd);
  }
  HttpLookups(const HttpLookups&) = delete;
  HttpLookups& operator=(const HttpLookups&) = delete;

  // False if something else came than answers that name the holder.
  bool ask(uint64_t lookups) {
    uint64_t asked = 0;
    for (const pollfd& one : sockets_) asked += sendTo(one.fd);
    for (uint64_t answered = 0; ok_ && answered < asked;) {
      poll(sockets_.data(), sockets_.size(), 10'000);
      for (const pollfd& one : sockets_) {
        if ((one.revents & POLLIN) == 0) continue;
        ok_ = ok_ && readAnswer(one.fd);
        ++answered;
        if (asked < lookups) asked += sendTo(one.fd);
      }
    }
    return ok_;
  }

 private:
  uint64_t sendTo(int socket) {
    ok_ = ok_ && send(socket, request_.data(), request_.size(), MSG_NOSIGNAL) ==
                     static_cast<ssize_t>(request_.size());
    return 1;
  }
  // Answers are small and come at once.
  bool readAnswer(int socket) {
    const ssize_t bytes = recv(socket, answer_.data(), answer_.size(), 0);
    if (bytes <= 0) return false;
    const std::string_view answer(answer_.data(), static_cast<size_t>(bytes));
    return answer.starts_with("HTTP/1.1 200 ") && answer.find("\"holder\"") != answer.npos;
  }

  std::string request_;
  std::vector<pollfd> sockets_;
  std::string answer_ = std::string(1 << 16, '\0');
  bool ok_ = true;
};

RunResult httpLookup(const RunOptions& run) {
  DaemonProcess daemon({"--http", "127.0.0.1:0"});
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  ClientThread thread;
  ClientOptions options;
  options.controller = daemon.address();
  options.instance = "holder";
  options.locations = {{.name = "gpu", .contents = {}}};
  Client holder(thread, options);
  holder.admit(LocationHandle{0}, promptOf32());
  if (!holder.flush(60'000)) return failed("the controller did not confirm everything");
  const uint64_t lookups = run.size(100'000, 2'000);
  HttpLookups http(daemon.httpAddress(), promptOf32());
  if (!http.ask(lookups / 10)) return failed("HTTP did not answer as expected");
  double before = daemon.processorSeconds();
  Stopwatch watch;
  if (!http.ask(lookups)) return failed("HTTP did not answer as expected");
  const double httpSeconds = watch.seconds();
  const double httpUs = (daemon.processorSeconds() - before) * 1e6 / static_cast<double>(lookups);
  SteadyLookups rpc(daemon.tcpAddress(), promptOf32());
  if (!rpc.wait(lookups / 10)) return failed("look-ups were not answered");
  before = daemon.processorSeconds();
  watch = {};
  const uint64_t first = rpc.answered();
  if (!rpc.wait(lookups)) return failed("look-ups were not answered");
  const double rpcSeconds = watch.seconds();
  const auto answered = static_cast<double>(rpc.answered() - first);
  const double rpcUs = (daemon.processorSeconds() - before) * 1e6 / answered;
  char note[160];
  std::snprintf(note, sizeof note, "%.0f k/s; over RPC %.1f us, %.0f k/s",
                static_cast<double>(lookups) / httpSeconds / 1e3, rpcUs,
                answered / rpcSeconds / 1e3);
  return {.value = httpUs, .note = note, .error = {}};
}

}  // namespace

std::vector<Row> httpRows() {
  return {{.name = "lookup_http",
           .what = "the daemon's processor time for a look-up of 32 hashes over HTTP, 64 kept "
                   "connections",
           .unit = "us",
           .floor = 50,
           .aim = 35,
           .better = Better::kLower,
           .run = httpLookup}};
}

}  // namespace holdfast::bench
