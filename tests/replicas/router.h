// Look-ups without an end, as a router makes them: by a client that knows all controllers.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "client/lookup_client.h"

namespace holdfast::test {

class Router {
 public:
  using Clock = std::chrono::steady_clock;
  struct Tally {
    uint64_t answered = 0;
    std::vector<std::string> failures = {};  // why
    double longestMs = 0;
  };

  // Asks from now on until the end, some hundred times a second. `thread` outlives it.
  Router(ClientThread& thread, const std::string& controllers);
  ~Router();

  Tally tally() const;
  // The latest epoch of which a leader has answered, and when it did first.
  struct Leader {
    uint64_t epoch = 0;
    Clock::time_point since = {};
  };
  Leader leader() const;

 private:
  void ask();
  void note(const Result<LookupAnswer>& answer, Clock::time_point asked);

  LookupClient client_;
  mutable std::mutex mutex_;
  Tally tally_;
  Leader leader_;
  std::atomic<bool> ending_{false};
  std::thread thread_;
};

}  // namespace holdfast::test
