// Waits for what a log delivers.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "replication/nats/nats_log.h"
#include "tests/nats/servers.h"

namespace holdfast::test {

// Long enough for any election; nothing is measured by it.
inline constexpr std::chrono::seconds kPatience{120};

// Rings when any log that was opened with it has something new.
class Bell {
 public:
  std::function<void()> rope() {
    return [this] {
      const std::lock_guard lock(mutex_);
      rung_ = true;
      rings_.notify_all();
    };
  }
  void wait() {
    std::unique_lock lock(mutex_);
    rings_.wait_for(lock, std::chrono::milliseconds(50), [this] { return rung_; });
    rung_ = false;
  }
  // Calls `once` again and again until `done`; false: it took too long.
  template <typename Once, typename Done>
  bool until(Once once, Done done) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
      once();
      if (done()) return true;
      if (std::chrono::steady_clock::now() > end) return false;
      wait();
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable rings_;
  bool rung_ = false;
};

// Notes everything.
class Notes final : public replication::LogListener {
 public:
  void onAppended(replication::AppendId id, replication::LogSequence sequence) override {
    appended[id] = sequence;
  }
  void onAppendUnknown(replication::AppendId id, const Error& why) override {
    unknown[id] = why.message;
  }
  void onFetched(replication::LogSequence sequence, std::string_view bytes) override {
    fetched[sequence] = bytes;
    ++timesFetched[sequence];
  }
  void onRecord(replication::LogSequence sequence, std::string_view bytes) override {
    records.emplace_back(sequence, bytes);
  }
  void onLogLost(const Error& why) override { lost = why.message; }

  std::map<replication::AppendId, replication::LogSequence> appended;
  std::map<replication::AppendId, std::string> unknown;
  std::map<replication::LogSequence, std::string> fetched;
  std::map<replication::LogSequence, size_t> timesFetched;
  std::vector<std::pair<replication::LogSequence, std::string>> records;
  std::string lost;
};

// Opens the log as soon as the servers let it; null after too long.
inline std::unique_ptr<replication::NatsLog> openLog(replication::NatsOptions options, Bell& bell) {
  options.notify = bell.rope();
  std::unique_ptr<replication::NatsLog> log;
  std::string why;
  const bool opened = bell.until(
      [&] {
        auto result = replication::NatsLog::open(options);
        if (result.ok()) {
          log = std::move(result.value());
        } else {
          why = result.error().message;
        }
      },
      [&] { return log != nullptr; });
  EXPECT_TRUE(opened) << why;
  return log;
}

}  // namespace holdfast::test
