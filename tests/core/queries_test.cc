// Queries in pieces: the same as in one, whatever happens between two pieces.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "core/operations/executor.h"
#include "core/queries/diverged.h"
#include "core/queries/events.h"
#include "core/queries/instance_by_ip.h"
#include "core/queries/pins.h"
#include "core/queries/status.h"
#include "core/queries/workers.h"
#include "tests/core/random_sequences.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class QueriesTest : public RegistryTest {
 protected:
  using Id = std::pair<std::string, uint32_t>;

  QueriesTest() {
    options_.lifeCycle.workersMax = 500;
    open({});
  }

  // Ranks 0 to ranks - 1 of instances "0" and so on, each with the locations cpu and disk.
  void registerFleet(uint32_t instances, uint32_t ranks) {
    for (uint32_t i = 0; i < instances; ++i) {
      for (uint32_t rank = 0; rank < ranks; ++rank) registerRank(std::to_string(i), rank);
    }
    settle();
  }
  SessionId registerRank(const std::string& instance, uint32_t rank) {
    Registration message = registration(instance, rank);
    message.locations.push_back(message.locations[0]);
    message.locations[1].location = "disk";
    return sessions_[{instance, rank}] = registered(message);
  }
  void forget(const Id& id) {
    ASSERT_TRUE(registry_->operators().forget(id.first, id.second).ok());
    sessions_.erase(id);
  }
  Location& location(const Id& id, const std::string& name = "cpu") {
    return *registry_->tree().findWorker(id.first, id.second)->find(name);
  }
  // What a cursor finds, in pieces of this much work; `between` two of them.
  template <typename Cursor, typename Between>
  static typename Cursor::Found all(Cursor& cursor, size_t work, const Between& between) {
    typename Cursor::Found found;
    while (cursor.next(found, work)) between();
    return found;
  }
  template <typename Cursor>
  static typename Cursor::Found all(Cursor cursor, size_t work = SIZE_MAX / 2) {
    return all(cursor, work, [] {});
  }
  template <typename Found>
  static std::vector<Id> idsOf(const Found& found) {
    std::vector<Id> ids;
    for (const auto& one : found) ids.push_back({one.instance, one.worker});
    return ids;
  }
  std::vector<Id> everybody() const {
    std::vector<Id> ids;
    for (const auto& [id, session] : sessions_) ids.push_back(id);
    return ids;
  }
  std::vector<Id> workers(const queries::WorkerFilter& filter, size_t work) {
    return idsOf(all(queries::WorkerCursor(*registry_, filter), work));
  }

  std::map<Id, SessionId> sessions_;
};

TEST_F(QueriesTest, WorkersComeInOrderHoweverSmallThePieces) {
  registerFleet(4, 3);
  for (const size_t work : {1u, 2u, 5u, 1'000u}) {
    EXPECT_EQ(workers({}, work), everybody());
    EXPECT_THAT(workers({"2", {}}, work), ElementsAre(Id("2", 0), Id("2", 1), Id("2", 2)));
    EXPECT_THAT(workers({"2", {7, 2, 0}}, work), ElementsAre(Id("2", 0), Id("2", 2)));
    EXPECT_THAT(workers({"", {1}}, work),
                ElementsAre(Id("0", 1), Id("1", 1), Id("2", 1), Id("3", 1)));
    EXPECT_THAT(workers({"nobody", {}}, work), IsEmpty());
  }
}

TEST_F(QueriesTest, WorkersBehindAnyPlaceAreThoseThatFollowItInOrder) {
  registerFleet(4, 3);
  const auto behind = [this](const std::string& instance, uint32_t rank,
                             const std::string& filter = {}) {
    return workers({filter, {}, Id(instance, rank)}, 2);
  };
  const std::vector<Id> all = everybody();
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(behind(all[i].first, all[i].second),
              std::vector<Id>(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, all.end()));
  }
  // A place that nobody has, and a filter as well.
  EXPECT_EQ(behind("", 0), all);
  EXPECT_EQ(behind("2", 99).front(), Id("3", 0));
  EXPECT_EQ(behind("25", 0).front(), Id("3", 0));
  EXPECT_THAT(behind("2", 0, "2"), ElementsAre(Id("2", 1), Id("2", 2)));
  EXPECT_THAT(behind("1", 2, "2"), ElementsAre(Id("2", 0), Id("2", 1), Id("2", 2)));
  EXPECT_THAT(behind("3", 0, "2"), IsEmpty());
  // The same of what they have.
  for (const Id& id : all) {
    ASSERT_TRUE(registry_->operators().forceSync(id.first, id.second, "disk").ok());
  }
  const queries::WorkerFilter filter{"2", {0, 2}, Id("2", 0)};
  EXPECT_THAT(idsOf(QueriesTest::all(queries::DivergedCursor(*registry_, filter))),
              ElementsAre(Id("2", 2)));
}

TEST_F(QueriesTest, AWorkerIsShownAsItIs) {
  Registration message = registration("a", 3);
  message.worldSize = 8;
  message.peerUrl = "peer";
  const SessionId session = registered(message);
  ASSERT_TRUE(report(session, 1, {1, 2}).ok());
  Registration other = registration("a", 1);
  other.worldSize = 2;
  registered(other);
  const auto found = all(queries::WorkerCursor(*registry_, {"a", {3}}));
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].peerUrl, "peer");
  EXPECT_EQ(found[0].model, "default");
  EXPECT_EQ(found[0].state, WorkerState::kActive);
  EXPECT_EQ(found[0].worldSize, 8u);
  EXPECT_THAT(found[0].contradiction, testing::HasSubstr("rank 3 states a world size of 8"));
  ASSERT_EQ(found[0].locations.size(), 1u);
  const queries::LocationView& shown = found[0].locations[0];
  EXPECT_EQ(shown.name, "cpu");
  EXPECT_EQ(shown.sync, SyncState::kCaughtUp);
  EXPECT_EQ(shown.incarnation, 11u);
  EXPECT_EQ(shown.lastSeq, 2u);
  EXPECT_EQ(shown.committedSeq, 0u);
  EXPECT_EQ(shown.count, 2u);
  settle();
  EXPECT_EQ(all(queries::WorkerCursor(*registry_, {}))[1].locations[0].committedSeq, 2u);
}

TEST_F(QueriesTest, WhoIsThereAllTheTimeIsListedOnceWhateverHappensMeanwhile) {
  forRandomSequences(50, [this](Random& random) {
    open({});
    sessions_.clear();
    registerFleet(6, 5);
    std::set<Id> stayed;
    for (const auto& [id, session] : sessions_) stayed.insert(id);
    std::set<Id> ever = stayed;
    queries::WorkerCursor cursor(*registry_, {});
    const auto found = all(cursor, 1 + below(random, 12), [&] {
      const Id id{std::to_string(below(random, 8)), static_cast<uint32_t>(below(random, 7))};
      if (sessions_.contains(id)) {
        forget(id);
        stayed.erase(id);
      } else {
        registerRank(id.first, id.second);
        ever.insert(id);
      }
    });
    const std::vector<Id> ids = idsOf(found);
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end()) << "listed twice";
    EXPECT_TRUE(std::includes(ids.begin(), ids.end(), stayed.begin(), stayed.end()));
    EXPECT_TRUE(std::includes(ever.begin(), ever.end(), ids.begin(), ids.end()));
  });
}

TEST_F(QueriesTest, DivergedOnesAreThoseThatWaitForARepair) {
  registerFleet(3, 20);
  EXPECT_THAT(all(queries::DivergedCursor(*registry_)), IsEmpty());
  for (const Id& id : {Id("0", 7), Id("2", 19)}) {
    ASSERT_TRUE(registry_->operators().forceSync(id.first, id.second, "disk").ok());
  }
  for (const size_t work : {1u, 3u, 1'000u}) {
    const auto found = all(queries::DivergedCursor(*registry_), work);
    EXPECT_THAT(idsOf(found), ElementsAre(Id("0", 7), Id("2", 19)));
    EXPECT_EQ(found[0].location.name, "disk");
    EXPECT_EQ(found[0].location.reason, Reason::kForced);
    EXPECT_EQ(found[0].location.fullSync.phase, FullSyncTracker::Phase::kAsked);
  }
}

TEST_F(QueriesTest, AnIpLeadsToWhoeverIsAlive) {
  const auto leadsTo = [&](const char* ip) {
    queries::InstanceByIp query(registry_->tree(), ip);
    while (query.next(1)) {
    }
    return query.instance();
  };
  const auto found = [&] { return leadsTo("10.0.0.1"); };
  EXPECT_EQ(found(), "");
  const SessionId lost = registered(registration("a", 0));
  registered(registration("m", 0));
  registry_->registration().connectionClosed(lost);
  EXPECT_EQ(found(), "m") << "not the LOST one, which comes first by name";
  clock_.nowMs += 10;
  registered(registration("b", 0));
  EXPECT_EQ(found(), "b") << "the newest registration";
  settle();
  restart();
  EXPECT_EQ(found(), "b") << "both are expected back";
  const SessionId back = registered(registration("m", 0, 1, 2));
  EXPECT_EQ(found(), "m") << "the one that came back";
  registry_->registration().connectionClosed(back);
  EXPECT_EQ(found(), "b");
  EXPECT_EQ(leadsTo("10.0.0.2"), "");
}

// --- Pins ---

class PinQueriesTest : public QueriesTest {
 protected:
  static constexpr uint64_t kChunks = 300;

  // Two ranks hold kChunks chunks in each location; every operation has pinned `perEvent` of each.
  void pinAll(uint64_t perEvent) {
    registerFleet(1, 2);
    std::vector<ChunkHash> keys(kChunks);
    for (uint64_t i = 0; i < kChunks; ++i) keys[i] = kChunks - i;
    for (const auto& [id, session] : sessions_) {
      for (const char* name : {"cpu", "disk"}) {
        ASSERT_TRUE(report(session, 1, keys, 11, name).ok());
        for (uint64_t at = 0; at < kChunks; at += perEvent) {
          // The later ones were asked for first.
          const PinRecord record{std::to_string(at), 10'000 - at, 0};
          registry_->pins().record(location(id, name), record,
                                   std::span(keys).subspan(at, perEvent));
        }
      }
    }
  }
  queries::PinCursor cursor(const queries::PinFilter& filter) {
    return {registry_->tree(), filter};
  }
};

TEST_F(PinQueriesTest, EntriesComeByTimeHoweverSmallThePieces) {
  pinAll(50);
  for (const size_t work : {1u, 2u, 7u, 100'000u}) {
    auto whole = cursor({.withChunks = true});
    const auto found = all(whole, work, [] {});
    EXPECT_EQ(whole.total(), 24u);
    ASSERT_EQ(found.size(), 24u);
    for (size_t i = 0; i < found.size(); ++i) {
      EXPECT_EQ(found[i].worker, i / 12);
      EXPECT_EQ(found[i].location, i / 6 % 2 == 0 ? "cpu" : "disk");
      EXPECT_EQ(found[i].eventId, std::to_string(250 - 50 * (i % 6)));
      EXPECT_EQ(found[i].chunks, 50u);
      ASSERT_EQ(found[i].hashes.size(), 50u);
      EXPECT_EQ(found[i].hashes.front(), 50 * (i % 6) + 1);
      EXPECT_TRUE(std::is_sorted(found[i].hashes.begin(), found[i].hashes.end()));
    }
    auto some = cursor({.workers = {"0", {1}}, .location = "disk", .skip = 2, .max = 3});
    const auto listed = all(some, work, [] {});
    EXPECT_EQ(some.total(), 6u);
    ASSERT_EQ(listed.size(), 3u);
    EXPECT_EQ(listed[0].eventId, "150");
    EXPECT_EQ(listed[0].chunks, 50u);
    EXPECT_THAT(listed[0].hashes, IsEmpty());
  }
}

TEST_F(PinQueriesTest, WhatEndsMeanwhileIsNotShownAsAnotherOnes) {
  forRandomSequences(30, [this](Random& random) {
    open({});
    sessions_.clear();
    pinAll(10);
    auto pieces = cursor({.withChunks = true});
    uint64_t next = 0;
    const auto found = all(pieces, 1 + below(random, 5), [&] {
      const uint64_t what = below(random, 40);
      if (what == 0 && sessions_.contains({"0", 1})) forget({"0", 1});
      if (what > 3) return;
      // Its place may be taken by another operation on chunks that stay.
      const ChunkHash chunk = 1 + below(random, kChunks);
      registry_->pins().record(location({"0", 0}), {"new" + std::to_string(next++), 1, 0},
                               std::vector<ChunkHash>{chunk});
    });
    for (const auto& entry : found) {
      EXPECT_EQ(entry.chunks, entry.hashes.size());
      EXPECT_FALSE(entry.hashes.empty());
      if (entry.eventId.starts_with("new")) continue;
      // Operation n pinned the ten chunks from kChunks - n downwards.
      const ChunkHash last = kChunks - std::stoull(entry.eventId);
      EXPECT_LE(entry.hashes.back(), last);
      EXPECT_GT(entry.hashes.front() + 10, last);
    }
  });
}

// --- Events, status ---

TEST_F(QueriesTest, EventsComeNewestFirst) {
  Executor executor(registry_->tree(), registry_->pins(), registry_->ledger(), clock_, notices_, {},
                    [] { return uint64_t{7}; });
  std::vector<EventRecord> records;
  for (uint64_t i = 1; i <= 60; ++i) {
    EventRecord record;
    record.id = "e" + std::to_string(i);
    record.number = i;
    record.instance = i % 3 == 0 ? "b" : "a";
    record.createdWallMs = record.finishedWallMs = clock_.nowMs - 100 + i;
    RankRecord rank;
    rank.status = RankStatus::kDone;
    rank.numTokens = i;
    record.ranks.push_back(rank);
    records.push_back(record);
  }
  executor.recover(records);
  for (const size_t work : {1u, 3u, 1'000u}) {
    queries::EventCursor every(executor, {});
    const auto found = all(every, work, [] {});
    ASSERT_EQ(found.size(), 60u);
    EXPECT_EQ(every.total(), 60u);
    EXPECT_EQ(found.front().record.id, "e60");
    EXPECT_EQ(found.front().summary.numTokens, 60u);
    EXPECT_EQ(found.back().record.id, "e1");
    queries::EventCursor some(executor, {.instance = "b", .max = 2});
    const auto listed = all(some, work, [] {});
    EXPECT_EQ(some.total(), 20u);
    ASSERT_EQ(listed.size(), 2u);
    EXPECT_EQ(listed[1].record.id, "e57");
    queries::EventCursor unfinished(executor, {.unfinishedOnly = true});
    EXPECT_THAT(all(unfinished, work, [] {}), IsEmpty());
    queries::EventCursor older(executor, {.before = executor.find("e3")->serial});
    ASSERT_EQ(all(older, work, [] {}).size(), 2u);
    queries::EventCursor pins(executor, {.kind = OperationKind::kPin});
    EXPECT_THAT(all(pins, work, [] {}), IsEmpty());
    queries::EventCursor clears(executor, {.kind = OperationKind::kClear});
    EXPECT_EQ(all(clears, work, [] {}).size(), 60u);
  }
  const queries::Status status = queries::statusOf(*registry_, executor);
  EXPECT_EQ(status.eventsFinished, 60u);
  EXPECT_EQ(status.eventsUnfinished, 0u);
}

TEST_F(QueriesTest, StatusCounts) {
  Executor executor(registry_->tree(), registry_->pins(), registry_->ledger(), clock_, notices_, {},
                    [] { return uint64_t{7}; });
  registerFleet(2, 3);
  ASSERT_TRUE(report(sessions_[{"0", 0}], 1, {1, 2}).ok());
  ASSERT_TRUE(report(sessions_[{"0", 1}], 1, {1}).ok());
  EXPECT_FALSE(queries::statusOf(*registry_, executor).committed);
  settle();
  registry_->registration().connectionClosed(sessions_[{"1", 2}]);
  ASSERT_TRUE(registry_->operators().forceSync("1", 0, "cpu").ok());
  settle();
  const queries::Status status = queries::statusOf(*registry_, executor);
  EXPECT_EQ(status.instances, 2u);
  EXPECT_EQ(status.workersActive, 5u);
  EXPECT_EQ(status.workersLost, 1u);
  EXPECT_EQ(status.workersRecovered, 0u);
  EXPECT_EQ(status.locations, 12u);
  EXPECT_EQ(status.locationsIn(SyncState::kInSync), 9u);
  EXPECT_EQ(status.locationsIn(SyncState::kCaughtUp), 2u);
  EXPECT_EQ(status.locationsIn(SyncState::kDiverged), 1u);
  EXPECT_EQ(status.chunks, 2u);
  EXPECT_EQ(status.memberships, 3u);
  EXPECT_EQ(status.fullSyncsRunning, 1u);
  EXPECT_TRUE(status.committed);
  EXPECT_EQ(status.registryDigest, registry_->registryDigest());
  EXPECT_EQ(status.limits.front().used, 6u);
}

}  // namespace
}  // namespace holdfast::test
