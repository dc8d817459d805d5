// A worker of a test that writes down what it tells and what was confirmed to it.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <thread>

#include "client/client.h"
#include "tests/replicas/history.h"

namespace holdfast::test {

struct RecordingWorkerOptions {
  std::string controllers;
  std::string instance;
  uint32_t rank = 0;
  uint32_t ranks = 1;
  uint64_t number = 0;  // no other worker has it
  uint64_t seed = 1;
};

class RecordingWorker {
 public:
  // Works at once, on a thread of its own. `thread` outlives it.
  RecordingWorker(ClientThread& thread, const RecordingWorkerOptions& options);
  ~RecordingWorker() { rest(); }

  void rest();

  const std::string& instance() const { return options_.instance; }
  const History& history() const { return history_; }
  Client& client() { return client_; }
  // At rest: its content, as it must be in the end.
  void addTo(RegistryDigest& digest) const;
  // At rest: what the controllers made it do that nothing it was told or confirmed explains; empty:
  // nothing.
  std::string wrong();
  std::string describe();

 private:
  void work();
  void noteConfirmed();

  const RecordingWorkerOptions options_;
  std::mt19937_64 random_;
  History history_;
  Client client_;
  const LocationHandle location_;
  std::atomic<bool> working_{true};
  std::thread thread_;
};

}  // namespace holdfast::test
