// Look-ups beside peers that mean no good, and beside more reports than can be taken.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "bench/daemon_process.h"
#include "bench/hostile_peers.h"
#include "bench/steady_lookups.h"
#include "client/client.h"
#include "os/file_limit.h"

namespace holdfast::bench {
namespace {

RunResult lookupHostile(const RunOptions& run) {
  raiseFileLimit();
  DaemonProcess daemon({"--http", "127.0.0.1:0"});
  if (const std::string error = daemon.start(); !error.empty()) return failed(error);
  SteadyLookups load(daemon.address(), promptOf32());
  const uint64_t lookups = run.size(50'000, 1'000);
  const LookupWindow idle = lookUpAlone(load, lookups);
  if (!idle.error.empty()) return failed(idle.error);
  std::string note = "idle " + std::to_string(idle.p99Us) + " us";
  uint64_t worst = 0;
  for (const HostileKind& kind : hostileKinds()) {
    const HostilePeers peers(kind, daemon);
    const LookupWindow beside = lookUpWhile(load, [&] { return load.waitFor(lookups); });
    if (!beside.error.empty()) return failed(beside.error);
    worst = std::max(worst, beside.p99Us);
    note += std::string("; ") + kind.name + " " + std::to_string(beside.p99Us);
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
  SteadyLookups load(daemon.address(), promptOf32());
  const uint64_t lookups = run.size(50'000, 1'000);
  const LookupWindow idle = lookUpAlone(load, lookups);
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
