// Look-ups beside peers that mean no good, and beside more reports than can be taken.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/steady_lookups.h"
#include "client/client.h"
#include "os/file_limit.h"

namespace holdfast::bench {
namespace {

constexpr size_t kPromptOfDoor = 32;

std::vector<ChunkHash> promptOfDoor() {
  std::vector<ChunkHash> prompt(kPromptOfDoor);
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = splitmix64Finalise(i);
  return prompt;
}

// --- Peers ---

// A connection to a port of this machine that never blocks.
class RawPeer {
 public:
  explicit RawPeer(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    open_ = ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
    fcntl(socket_, F_SETFL, O_NONBLOCK);
  }
  ~RawPeer() { close(socket_); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  bool isOpen() const { return open_; }
  // How many bytes the connection takes now.
  size_t send(std::string_view bytes) {
    if (!open_) return 0;
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) open_ = false;
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }

 private:
  const int socket_;
  bool open_ = false;
};

struct Doors {
  uint16_t rpc = 0;
  uint16_t http = 0;
};

using Peers = std::vector<std::unique_ptr<RawPeer>>;

// Those that were closed come again.
void keepOpen(Peers& peers, size_t wanted, uint16_t port) {
  std::erase_if(peers, [](const auto& peer) { return !peer->isOpen(); });
  while (peers.size() < wanted) peers.push_back(std::make_unique<RawPeer>(port));
}

// What one kind of peer does again and again; keeps what it has opened.
using Step = std::function<void()>;
struct Enemy {
  const char* name;
  std::function<Step(const Doors&)> begin;
};

Step sayNothing(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  return [=] {
    keepOpen(*peers, 2'000, doors.rpc);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
}

Step sayItByteByByte(const Doors& doors) {
  auto rpc = std::make_shared<Peers>();
  auto http = std::make_shared<Peers>();
  auto at = std::make_shared<size_t>(0);
  return [=] {
    static constexpr std::string_view kRequest = "POST /v1/lookup HTTP/1.1\r\nHost: x\r\nX: ";
    keepOpen(*rpc, 200, doors.rpc);
    keepOpen(*http, 200, doors.http);
    const char next = *at < kRequest.size() ? kRequest[*at] : 'x';
    ++*at;
    for (const auto& peer : *http) peer->send({&next, 1});
    for (const auto& peer : *rpc) peer->send({"\0", 1});
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  };
}

// A message of 63 MiB whose end never comes.
Step sayHalf(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  auto sent = std::make_shared<std::vector<size_t>>(100, 0);
  auto zeros = std::make_shared<std::string>(1 << 20, '\0');
  return [=] {
    constexpr size_t kBytes = size_t{62} << 20;
    constexpr uint32_t kHead[2] = {0, (uint32_t{63} << 20) / 8};
    for (size_t i = 0; i < sent->size(); ++i) {
      if (i == peers->size()) peers->emplace_back();
      auto& peer = (*peers)[i];
      if (peer == nullptr || !peer->isOpen()) {
        peer = std::make_unique<RawPeer>(doors.rpc);
        peer->send({reinterpret_cast<const char*>(kHead), sizeof kHead});
        (*sent)[i] = 0;
      }
      if ((*sent)[i] < kBytes) (*sent)[i] += peer->send(*zeros);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step neverRead(const Doors& doors) {
  auto peers = std::make_shared<Peers>();
  return [=] {
    static constexpr std::string_view kRequest = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    keepOpen(*peers, 16, doors.http);
    for (const auto& peer : *peers) peer->send(kRequest);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step sayTooMuch(const Doors& doors) {
  auto header =
      std::make_shared<std::string>("GET /v1/status HTTP/1.1\r\nX: " + std::string(1 << 18, 'x'));
  return [=] {
    RawPeer peer(doors.http);
    peer.send(*header);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

Step comeAndGo(const Doors& doors) {
  return [=] {
    for (int i = 0; i < 16; ++i) RawPeer peer(i % 2 == 0 ? doors.rpc : doors.http);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  };
}

const Enemy kEnemies[] = {{"2,000 silent connections", sayNothing},
                          {"400 that send a byte now and then", sayItByteByByte},
                          {"100 with 62 of 63 MiB", sayHalf},
                          {"16 that read no answers", neverRead},
                          {"headers of 256 KiB", sayTooMuch},
                          {"connections that come and go", comeAndGo}};

// Does it all the time, on what the daemon leaves of a processor.
class Hostility {
 public:
  Hostility(const Enemy& enemy, const Doors& doors) {
    elsewhere([&] {
      thread_ = std::thread([this, step = enemy.begin(doors)] {
        while (!stop_) step();
      });
    });
  }
  ~Hostility() {
    stop_ = true;
    thread_.join();
  }
  Hostility(const Hostility&) = delete;
  Hostility& operator=(const Hostility&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

uint16_t portOf(const std::string& address) {
  return static_cast<uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

RunResult lookupHostile(const RunOptions& run) {
  raiseFileLimit();
  DaemonProcess daemon({"--http", "127.0.0.1:0"});
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  const Doors doors{portOf(daemon.tcpAddress()), portOf(daemon.httpAddress())};
  SteadyLookups load(daemon.address(), promptOfDoor());
  const uint64_t lookups = run.size(50'000, 1'000);
  const auto wait = [&] {
    return load.wait(lookups) ? std::string() : std::string("look-ups were not answered");
  };
  if (std::string error = wait(); !error.empty()) return failed(error);
  const LookupWindow idle = lookUpWhile(load, wait);
  if (!idle.error.empty()) return failed(idle.error);
  std::string note = "idle " + std::to_string(idle.p99Us) + " us";
  uint64_t worst = 0;
  for (const Enemy& enemy : kEnemies) {
    const Hostility hostility(enemy, doors);
    const LookupWindow beside = lookUpWhile(load, wait);
    if (!beside.error.empty()) return failed(beside.error);
    worst = std::max(worst, beside.p99Us);
    note += std::string("; ") + enemy.name + " " + std::to_string(beside.p99Us);
  }
  const auto status = load.client().status();
  if (!status.ok()) return failed(status.error().message);
  note += "; then " + std::to_string(status.value().residentBytes >> 20) + " MiB";
  return {.value = static_cast<double>(worst) / static_cast<double>(idle.p99Us),
          .note = std::move(note),
          .error = {}};
}

// --- Reports ---

// Workers that admit and evict the same chunks for ever.
class Flood {
 public:
  Flood(const DaemonProcess& daemon, uint32_t workers) {
    elsewhere([&] { thread_ = std::make_unique<ClientThread>(); });
    for (uint32_t i = 0; i < workers; ++i) {
      ClientOptions options;
      options.controller = daemon.address();
      options.instance = "flood";
      options.worker = i;
      options.locations = {{.name = "gpu", .contents = {}}};
      clients_.push_back(std::make_unique<Client>(*thread_, std::move(options)));
    }
    keys_.resize(kKeys);
    for (size_t i = 0; i < keys_.size(); ++i) keys_[i] = splitmix64Finalise(~i);
  }

  // So many operations a second for so long.
  void run(double perSecond, double seconds) {
    elsewhere([&] {
      const Stopwatch watch;
      const uint64_t before = offered_;
      while (watch.seconds() < seconds) {
        const double due = perSecond * watch.seconds();
        if (static_cast<double>(offered_ - before) >= due) {
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
          continue;
        }
        step();
      }
    });
  }
  // As many as are taken; the rate.
  double sustained(double seconds) {
    const Stopwatch watch;
    const uint64_t before = offered_;
    while (watch.seconds() < seconds) {
      for (size_t i = 0; i < 8 * clients_.size(); ++i) step();
      if (!flush()) return 0;
    }
    return static_cast<double>(offered_ - before) / watch.seconds();
  }
  bool flush() {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](const auto& client) { return client->flush(300'000); });
  }
  // Chunks that the workers hold now.
  uint64_t held() const { return heldBlocks_ * kBlock; }
  uint64_t lost() const {
    uint64_t all = 0;
    for (const auto& client : clients_) all += client->counters().operationsLost;
    return all;
  }

 private:
  static constexpr size_t kBlock = 4'096;
  static constexpr size_t kKeys = 16 * kBlock;

  // The next block of the next worker changes sides.
  void step() {
    const size_t worker = at_ % clients_.size();
    const size_t turn = at_ / clients_.size();
    const bool admit = turn / (kKeys / kBlock) % 2 == 0;
    const std::span block(keys_.data() + turn % (kKeys / kBlock) * kBlock, kBlock);
    if (admit) {
      clients_[worker]->admit(LocationHandle{0}, block);
      ++heldBlocks_;
    } else {
      clients_[worker]->evict(LocationHandle{0}, block);
      --heldBlocks_;
    }
    ++at_;
    offered_ += kBlock;
  }

  std::unique_ptr<ClientThread> thread_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<ChunkHash> keys_;
  size_t at_ = 0;
  uint64_t heldBlocks_ = 0;
  uint64_t offered_ = 0;
};

RunResult lookupFlood(const RunOptions& run) {
  DaemonProcess daemon({"--heartbeat-interval", "100ms"});
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  Flood flood(daemon, 8);
  if (!flood.flush()) return failed("the workers did not register");
  SteadyLookups load(daemon.address(), promptOfDoor());
  const uint64_t lookups = run.size(50'000, 1'000);
  if (!load.wait(lookups)) return failed("look-ups were not answered");
  const LookupWindow idle = lookUpWhile(load, [&] {
    return load.wait(lookups) ? std::string() : std::string("look-ups were not answered");
  });
  if (!idle.error.empty()) return failed(idle.error);
  const double sustained = flood.sustained(5 * run.scale);
  if (sustained == 0) return failed("the controller did not confirm everything");
  const LookupWindow busy = lookUpWhile(load, [&] {
    flood.run(2 * sustained, 60 * run.scale);
    return std::string();
  });
  if (!busy.error.empty()) return failed(busy.error);
  if (!flood.flush()) return failed("the controller did not confirm everything");
  const auto status = load.client().status();
  if (!status.ok()) return failed(status.error().message);
  if (status.value().memberships != flood.held()) {
    return failed("the controller knows " + std::to_string(status.value().memberships) +
                  " memberships of " + std::to_string(flood.held()));
  }
  char note[200];
  std::snprintf(note, sizeof note,
                "%lu us, %lu us at %.1f M/s offered of %.1f M/s sustained; %.1f M left to full "
                "syncs; nothing lost; %lu MiB",
                idle.p99Us, busy.p99Us, 2 * sustained / 1e6, sustained / 1e6,
                static_cast<double>(flood.lost()) / 1e6, status.value().residentBytes >> 20);
  return {.value = static_cast<double>(busy.p99Us) / static_cast<double>(idle.p99Us),
          .note = note,
          .error = {}};
}

}  // namespace

std::vector<Row> doorRows() {
  return {{.name = "lookup_hostile",
           .what = "look-up p99 inside the daemon beside hostile peers, the worst kind, over the "
                   "idle one",
           .unit = "x",
           .floor = 3,
           .aim = 2,
           .better = Better::kLower,
           .run = lookupHostile},
          {.name = "lookup_flood",
           .what = "look-up p99 inside the daemon during 60 s of twice the reports that it can "
                   "take, over the idle one",
           .unit = "x",
           .floor = 5,
           .aim = 3,
           .better = Better::kLower,
           .run = lookupFlood}};
}

}  // namespace holdfast::bench
