// Look-ups that never stop: what else the daemon does is measured by how long they take.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/bench.h"
#include "client/lookup_client.h"

namespace holdfast::bench {

// Looks again and again until it is true; false after some minutes.
template <typename Condition>
bool eventually(const Condition& condition) {
  for (int i = 0; i < 300'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return false;
}

// Runs `step` on a thread that, as all threads made by it, gets what the daemon leaves of one
// processor: in a fleet workers, routers and operators have machines of their own.
template <typename Step>
void elsewhere(const Step& step) {
  std::thread([&] {
    const sched_param none{};
    sched_setscheduler(0, SCHED_IDLE, &none);
    cpu_set_t last;
    CPU_ZERO(&last);
    CPU_SET(std::thread::hardware_concurrency() - 1, &last);
    sched_setaffinity(0, sizeof last, &last);
    step();
  }).join();
}

// What is asked for where only the time that an answer takes matters.
inline std::vector<ChunkHash> promptOf32() {
  std::vector<ChunkHash> prompt(32);
  for (size_t i = 0; i < prompt.size(); ++i) prompt[i] = splitmix64Finalise(i);
  return prompt;
}

// Keeps look-ups in flight until it is destroyed.
class SteadyLookups {
 public:
  SteadyLookups(const std::string& controller, const std::vector<ChunkHash>& prompt)
      : prompt_(prompt) {
    elsewhere([&] { thread_ = std::make_unique<ClientThread>(); });
    client_ = std::make_unique<LookupClient>(*thread_, options(controller));
    for (uint32_t i = 0; i < kInFlight; ++i) ask();
  }
  ~SteadyLookups() {
    stop_ = true;
    eventually([&] { return lanes_ == 0; });
  }
  SteadyLookups(const SteadyLookups&) = delete;
  SteadyLookups& operator=(const SteadyLookups&) = delete;

  bool wait(uint64_t more) {
    const uint64_t wanted = answered_ + more;
    return eventually([&] { return answered_ >= wanted; });
  }
  // The same as an error, which is empty if they came.
  std::string waitFor(uint64_t more) { return wait(more) ? "" : "look-ups were not answered"; }
  LookupClient& client() { return *client_; }
  uint64_t answered() const { return answered_; }

 private:
  static constexpr uint32_t kInFlight = 64;

  static LookupClientOptions options(const std::string& controller) {
    LookupClientOptions result;
    result.controller = controller;
    return result;
  }
  void ask() {
    client_->lookup(prompt_, {}, [this](const Result<LookupAnswer>&) {
      ++answered_;
      if (stop_) {
        --lanes_;
      } else {
        ask();
      }
    });
  }

  const std::vector<ChunkHash> prompt_;
  std::atomic<bool> stop_{false};
  std::atomic<uint32_t> lanes_{kInFlight};
  std::atomic<uint64_t> answered_{0};
  std::unique_ptr<ClientThread> thread_;
  std::unique_ptr<LookupClient> client_;
};

// What became of look-ups in some time.
struct LookupWindow {
  std::string error;
  uint64_t p99Us = 0;  // inside the daemon
  double perSecond = 0;
};

// Of those while `meanwhile` runs, which returns what went wrong.
template <typename Meanwhile>
LookupWindow lookUpWhile(SteadyLookups& load, const Meanwhile& meanwhile) {
  if (const auto begun = load.client().status(true); !begun.ok()) {
    return {.error = begun.error().message};
  }
  const Stopwatch watch;
  const uint64_t before = load.answered();
  if (std::string error = meanwhile(); !error.empty()) return {.error = std::move(error)};
  const double rate = static_cast<double>(load.answered() - before) / watch.seconds();
  const auto status = load.client().status();
  if (!status.ok()) return {.error = status.error().message};
  return {.error = {}, .p99Us = status.value().lookupWindowP99Us, .perSecond = rate};
}

// Of so many and nothing beside them; as many go before, for what their start costs.
inline LookupWindow lookUpAlone(SteadyLookups& load, uint64_t lookups) {
  if (std::string error = load.waitFor(lookups); !error.empty()) return {.error = std::move(error)};
  return lookUpWhile(load, [&] { return load.waitFor(lookups); });
}

// A row's value: p99 beside something over p99 alone.
inline RunResult besideIdle(const LookupWindow& idle, const LookupWindow& busy) {
  return {.value = static_cast<double>(busy.p99Us) /
                   static_cast<double>(std::max<uint64_t>(1, idle.p99Us)),
          .note = std::to_string(idle.p99Us) + " us idle, " + std::to_string(busy.p99Us) +
                  " us meanwhile",
          .error = {}};
}

}  // namespace holdfast::bench
