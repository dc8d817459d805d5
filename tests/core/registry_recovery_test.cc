// What a start makes of a store that is damaged, or has lost what it had confirmed.
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

// One row per way in which stored records may not hold together.
TEST_F(RegistryTest, DamagedRecordsQuarantineTheirWorkerAlone) {
  const auto journalOf = [&](MemoryStore::Disk & disk) -> auto& {
    for (auto& [owner, family] : disk) {
      if (family.worker && family.worker->worker == 0) return family.locations[0].journal;
    }
    abort();
  };
  using Damage = std::function<void(MemoryStore::Disk&)>;
  const std::pair<const char*, Damage> rows[] = {
      {"a record is missing",
       [&](auto& disk) { journalOf(disk).erase(std::next(journalOf(disk).begin())); }},
      {"a key differs", [&](auto& disk) { journalOf(disk).begin()->second.keys[0] ^= 1; }},
      {"a count differs", [&](auto& disk) { ++journalOf(disk).begin()->second.countAfter; }},
      {"an admit became an evict",
       [&](auto& disk) { journalOf(disk).begin()->second.evicts[0] = true; }},
      {"the location's base differs",
       [&](auto& disk) {
         for (auto& [owner, family] : disk) {
           if (family.worker && family.worker->worker == 0) {
             family.locations[0].record->live.baseCount = 5;
           }
         }
       }},
      {"records of a stream that never began",
       [&](auto& disk) {
         auto node = journalOf(disk).extract(std::prev(journalOf(disk).end()));
         std::get<1>(node.key()) = 9;
         journalOf(disk).insert(std::move(node));
       }},
  };
  for (const auto& [what, damage] : rows) {
    SCOPED_TRACE(what);
    open({});
    const SessionId first = registered(registration("a", 0));
    const SessionId second = registered(registration("a", 1));
    for (uint64_t seq = 1; seq <= 3; ++seq) {
      ASSERT_TRUE(report(first, seq, {seq}).ok());
      ASSERT_TRUE(report(second, seq, {seq}).ok());
    }
    settle();
    damage(store_->disk());
    restart();
    EXPECT_EQ(report_.quarantined, 1u);
    EXPECT_NE(registry_->tree().findWorker("a", 0)->quarantined, "");
    EXPECT_EQ(registry_->tree().findWorker("a", 1)->locations[0]->count, 3u);
    EXPECT_EQ(registry_->tree().memberships(), 3u);
    // It starts anew in a family of its own, and nothing of the old one comes back.
    Registration back = registration("a", 0, 1, 2);
    back.locations[0] = {"cpu", 11, true, 3, 3, {}, 1};
    const auto result = registry_->registration().registerWorker(back, link_);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.value().decisions[0].nextSeq, 1u);
    EXPECT_EQ(result.value().decisions[0].reason, Reason::kQuarantined);
    settle();
    restart();
    EXPECT_EQ(report_.quarantined, 0u);
    EXPECT_EQ(registry_->tree().memberships(), 3u);
  }
}

// A store that has lost the newest of what it had confirmed: what is left of worker 0 is whole.
class ForgetfulStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  void recover(RecoverySink& sink) override {
    class Teller : public RecoverySink {
     public:
      explicit Teller(RecoverySink& to) : to_(to) {}
      void begin(const RecoverySummary& summary) override { to_.begin(summary); }
      void event(EventRecord record) override { to_.event(std::move(record)); }
      void instance(OwnerId owner, const InstanceRecord& record) override {
        to_.instance(owner, record);
      }
      void worker(OwnerId owner, const WorkerRecord& record,
                  const std::vector<LocationRecord>& locations) override {
        to_.worker(owner, record, locations);
        if (record.worker == 0) to_.behind(owner, locations.at(0).id, 500);
      }
      void segment(OwnerId owner, uint16_t at, std::span<const ChunkHash> keys) override {
        to_.segment(owner, at, keys);
      }
      void journal(OwnerId owner, uint16_t at, const JournalEntry& entry) override {
        to_.journal(owner, at, entry);
      }
      void batch(OwnerId owner, uint16_t at, uint32_t number,
                 std::span<const ChunkHash> keys) override {
        to_.batch(owner, at, number, keys);
      }
      void buildingJournal(OwnerId owner, uint16_t at, const JournalEntry& entry) override {
        to_.buildingJournal(owner, at, entry);
      }
      void pins(OwnerId owner, uint16_t at, const PinRecord& record,
                std::span<const ChunkHash> chunks) override {
        to_.pins(owner, at, record, chunks);
      }
      void finish(OwnerId owner) override { to_.finish(owner); }
      void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
                   const std::string& reason) override {
        to_.damaged(owner, instance, isWorker, worker, reason);
      }

     private:
      RecoverySink& to_;
    };
    Teller teller(sink);
    MemoryStore::recover(teller);
  }
};

TEST_F(RegistryTest, WhatTheStoreHasLostOfAWorkerIsNotCalledWhole) {
  for (uint32_t worker = 0; worker < 2; ++worker) {
    ASSERT_TRUE(report(registered(registration("a", worker)), 1, {1, 2, 3}).ok());
  }
  settle();
  ForgetfulStore store(store_->afterCrash());
  Registry registry(options_, clock_, store, notices_);
  const RecoveryReport report = registry.recover();
  EXPECT_EQ(report.workers, 2u);
  EXPECT_EQ(report.behind, 1u);
  EXPECT_EQ(report.quarantined, 0u);
  const Location& behind = *registry.tree().findWorker("a", 0)->find("cpu");
  EXPECT_EQ(behind.sync, SyncState::kDiverged);
  EXPECT_EQ(behind.reason, Reason::kBehind);
  EXPECT_EQ(behind.count, 3u);
  EXPECT_EQ(registry.tree().findWorker("a", 1)->find("cpu")->sync, SyncState::kCaughtUp);
  // Its worker has gone on and can repeat the rest, or nothing of it.
  for (const uint64_t replayable : {uint64_t{4}, uint64_t{501}}) {
    Registration back = registration("a", 0, 1, replayable);
    back.locations[0] = {"cpu", 11, true, 500, 500, {}, replayable};
    const auto result = registry.registration().registerWorker(back, link_);
    ASSERT_TRUE(result.ok());
    const LocationDecision& decision = result.value().decisions.at(0);
    EXPECT_EQ(decision.kind, replayable == 4 ? DecisionKind::kReplay : DecisionKind::kDiverged);
  }
}

}  // namespace
}  // namespace holdfast::test
