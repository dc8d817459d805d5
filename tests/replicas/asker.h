// Asks controllers for keys of workers whose histories are known, and notes every answer that
// contradicts them, or what the same controller has answered before.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/lookup_client.h"
#include "tests/replicas/recording_worker.h"

namespace holdfast::test {

struct AskerOptions {
  std::string controllers;
  uint64_t maxAgeMs = 0;
  // How often the controller that it asks was started; empty: it asks several.
  std::function<uint64_t()> life = {};
  // Whether ages of followers are told by clocks that agree.
  bool believesFollowers = true;
  uint64_t seed = 1;
};

class Asker {
 public:
  using Workers = std::vector<std::unique_ptr<RecordingWorker>>;

  // Asks at once, on a thread of its own. `thread` and `workers` outlive it.
  Asker(ClientThread& thread, const Workers& workers, const AskerOptions& options);
  ~Asker() { rest(); }

  void rest();
  // The first ones only.
  std::vector<std::string> wrong() const;
  // Keys about which an answer could be held against what was confirmed.
  uint64_t checked() const { return checked_; }

 private:
  struct Question {
    const RecordingWorker* worker = nullptr;
    uint64_t n = 0;  // of its keys
  };
  Question draw();
  void ask();
  void check(const std::vector<Question>& questions, const std::vector<LookupAnswer>& answers,
             Moment asked);
  void checkOrder(uint64_t life, const LookupAnswer& answer);
  void note(std::string what);

  const Workers& workers_;
  const AskerOptions options_;
  std::mt19937_64 random_;
  LookupClient client_;
  uint64_t life_ = 0;
  std::pair<uint64_t, uint64_t> seen_{};  // epoch and index, in this life
  mutable std::mutex mutex_;
  std::vector<std::string> wrong_;
  std::atomic<uint64_t> checked_{0};
  std::atomic<bool> asking_{true};
  std::thread thread_;
};

}  // namespace holdfast::test
