// A registry on the store in memory, with a clock, a log and a worker's link that tests look into.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/registry/registry.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"
#include "tests/support/recount.h"

namespace holdfast::test {

class TestClock : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return nowMs + wallJumpMs; }
  uint64_t storeMs() const override { return nowMs; }
  uint64_t nowMs = 1000;
  uint64_t wallJumpMs = 0;  // modulo 2^64
};

class CountingLink : public WorkerLink {
 public:
  void pause(const std::string& reason) override { pauses.push_back(reason); }
  void resume() override { ++resumes; }
  void superseded(const std::string&) override { ++supersessions; }
  void replay(const std::string& location, uint64_t incarnation, uint64_t from,
              uint64_t to) override {
    replays.push_back({location, incarnation, from, to});
  }
  void startFullSync(const std::string& location, Reason reason, uint64_t syncId) override {
    syncs.push_back({location, reason, syncId});
  }
  void operate(const WorkerOperation&) override { ++operations; }
  void closed(const std::string&) override { ++closures; }
  struct Replay {
    std::string location;
    uint64_t incarnation, from, to;
  };
  struct Sync {
    std::string location;
    Reason reason;
    uint64_t continueSyncId;
  };
  std::vector<Replay> replays;
  std::vector<Sync> syncs;
  std::vector<std::string> pauses;
  int resumes = 0, supersessions = 0, operations = 0, closures = 0;
};

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    options_.lifeCycle.workersMax = 3;
    open({});
  }
  void TearDown() override { expectKeptAsCounted(*registry_); }

  void open(MemoryStore::Disk disk) {
    registry_.reset();
    store_ = std::make_unique<MemoryStore>(std::move(disk));
    registry_ = std::make_unique<Registry>(options_, clock_, *store_, notices_);
    report_ = registry_->recover();
  }
  void restart() { open(store_->afterCrash()); }
  void settle() {
    store_->complete();
    store_->poll(*registry_);
  }

  static Registration registration(const std::string& instance, uint32_t worker, uint64_t run = 1,
                                   uint64_t attempt = 1) {
    Registration result;
    result.instance = instance;
    result.worker = worker;
    result.run = run;
    result.attempt = attempt;
    result.ip = "10.0.0.1";
    result.locations = {{"cpu", 11, true, 0, 0, {}, 1}};
    return result;
  }
  SessionId registered(const Registration& message) {
    const auto result = registry_->registration().registerWorker(message, link_);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? result.value().session : kNoSession;
  }
  Result<ReportOutcome> report(SessionId session, uint64_t firstSeq, std::vector<ChunkHash> keys,
                               uint64_t incarnation = 11, const std::string& location = "cpu") {
    return registry_->kv().handleBatchedKvOperations(session,
                                                     {location, incarnation, firstSeq, {keys, {}}});
  }
  // Fails unless the message is refused with this code and a text with this part, and nothing of
  // the registry changed.
  template <typename Call>
  void expectRefused(ErrorCode code, const std::string& part, const Call& call) {
    const std::string before = registry_->registryDigest().hex();
    const size_t workers = registry_->tree().workers();
    const Ticket written = registry_->ledger().queued();
    const auto result = call();
    ASSERT_FALSE(result.ok()) << "not refused: " << part;
    EXPECT_EQ(result.error().code, code) << result.error().message;
    EXPECT_NE(result.error().message.find(part), std::string::npos) << result.error().message;
    EXPECT_EQ(registry_->registryDigest().hex(), before);
    EXPECT_EQ(registry_->tree().workers(), workers);
    EXPECT_EQ(registry_->ledger().queued(), written);
  }
  void expectRegistrationRefused(const std::string& part, const Registration& message,
                                 ErrorCode code = ErrorCode::kInvalid) {
    expectRefused(code, part,
                  [&] { return registry_->registration().registerWorker(message, link_); });
  }

  RegistryOptions options_;
  TestClock clock_;
  RecordedNotices notices_;
  CountingLink link_;
  std::unique_ptr<MemoryStore> store_;
  std::unique_ptr<Registry> registry_;
  RecoveryReport report_;
};

}  // namespace holdfast::test
