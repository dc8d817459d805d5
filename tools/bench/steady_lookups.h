// Look-ups that never stop: what else the daemon does is measured by how long they take.
#pragma once

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

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

// In a fleet the workers, routers and operators have machines of their own; here they share two
// processors with the daemon. Both run `step` on a thread whose threads do as it does.
template <typename Step, typename Yield>
void onThread(const Step& step, const Yield& yield) {
  std::thread([&] {
    yield();
    step();
  }).join();
}
// Workers and operations take what everybody else leaves.
template <typename Step>
void elsewhere(const Step& step) {
  onThread(step, [] {
    const sched_param none{};
    sched_setscheduler(0, SCHED_IDLE, &none);
  });
}
// Look-ups, which are the load that is measured, give way to the daemon alone.
template <typename Step>
void besideDaemon(const Step& step) {
  onThread(step, [] { setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15); });
}

// Keeps look-ups in flight until it is destroyed.
class SteadyLookups {
 public:
  SteadyLookups(const std::string& controller, const std::vector<ChunkHash>& prompt)
      : prompt_(prompt) {
    besideDaemon([&] { thread_ = std::make_unique<ClientThread>(); });
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

}  // namespace holdfast::bench
