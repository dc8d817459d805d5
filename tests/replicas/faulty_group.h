// Three controllers on a log of three servers, all real processes, and everything between any two
// of them, and between clients and controllers, is a wire that can be cut.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/daemon/daemon_process.h"
#include "tests/nats/servers.h"
#include "tests/replicas/machine_faults.h"
#include "tests/replicas/relays.h"
#include "tests/replicas/schedule.h"

namespace holdfast::test {

class FaultyGroup {
 public:
  static constexpr size_t kNodes = 3;

  // Everything runs. `directory` is its own, and outlives it.
  explicit FaultyGroup(std::filesystem::path directory);
  ~FaultyGroup();
  FaultyGroup(const FaultyGroup&) = delete;
  FaultyGroup& operator=(const FaultyGroup&) = delete;

  // --- one thread ---

  void begin(const Step& step);
  void end(const Step& step);
  // Whatever was cut, stopped or killed is as at first.
  void heal();
  // As a supervisor does it: whoever was deposed is started again. The error says who ended with
  // something else, which nobody asked for.
  std::optional<std::string> look();
  bool says(size_t node, const std::string& text) const;
  std::string logs() const;  // of all lives of all

  // --- any thread ---

  std::string addressForWorkers(size_t node) const { return addressOf(toWorkers_[node]); }
  std::string addressForReaders(size_t node) const { return addressOf(toReaders_[node]); }
  // Counts its starts.
  uint64_t life(size_t node) const { return lives_[node]; }

 private:
  // Of a wire: how many steps cut it at the moment.
  struct Cuts {
    uint32_t silent = 0;
    uint32_t resets = 0;
  };
  struct Node {
    std::unique_ptr<DaemonProcess> process;
    MachineFaults* faults = nullptr;
    bool killed = false;       // by a step that is not over
    bool diskWasFull = false;  // in this life, or the one before
    std::vector<std::filesystem::path> logs;
  };

  std::string addressOf(size_t relay) const;
  void start(size_t node);
  void killNode(size_t node);
  void startAgain(size_t node);
  void cut(size_t relay, bool reset, bool begins);
  void cutBy(const Step& step, bool begins);
  MachineFaults* mapFaults(size_t node) const;
  std::filesystem::path pathOf(const std::string& what, size_t node) const;

  const std::filesystem::path directory_;
  Relays relays_;
  std::vector<Cuts> cuts_;
  std::array<std::array<size_t, kNodes>, kNodes> betweenServers_{};  // [from][to]
  std::array<std::array<size_t, kNodes>, kNodes> toServer_{};        // [controller][server]
  std::array<size_t, kNodes> toWorkers_{};
  std::array<size_t, kNodes> toReaders_{};
  NatsServers servers_;
  std::array<Node, kNodes> nodes_;
  std::array<std::atomic<uint64_t>, kNodes> lives_{};
};

}  // namespace holdfast::test
