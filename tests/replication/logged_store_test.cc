// What a leader's store passes on, when, and in which order.
#include "replication/logged_store.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "core/limits.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_log.h"
#include "tests/support/memory_store.h"

namespace holdfast::replication {
namespace {

using test::ManualClock;
using test::MemoryLog;
using test::MemoryLogRecords;
using test::MemoryStore;

class Said final : public StoreListener {
 public:
  void onCommitted(Ticket upTo) override { committed = upTo; }
  void onFolded(const FoldResult& result) override { folds.push_back(result); }
  void onHealth(const StoreHealth& now) override { healths.push_back(now); }
  Ticket committed = 0;
  std::vector<FoldResult> folds;
  std::vector<StoreHealth> healths;
};

class LoggedStoreTest : public testing::Test, private LogListener {
 protected:
  LoggedStoreTest() {
    // It leads epoch 1.
    engine_.records.push_back(encodeRecord(TakeOver{.nonce = 1}));
    StoreBatch batch;
    batch.steps.emplace_back(PutInstance{instance_, {"a", 1, 0}});
    WorkerRecord worker;
    worker.instance = "a";
    batch.steps.emplace_back(PutWorker{worker_, worker});
    LocationRecord location;
    location.name = "gpu";
    location.live.generation = 1;
    batch.steps.emplace_back(PutLocation{worker_, location});
    store_.write(std::move(batch));
    store_.lead(log_, "memory", {{1, 0}, 1});
    settle();
  }

  LoggedStoreOptions options() {
    LoggedStoreOptions options;
    options.queueBytes = 10'000;
    options.notify = [this] { ++notified_; };
    return options;
  }
  Ticket report(uint64_t seq, size_t keys = 1) {
    keys_.assign(keys, seq);
    return store_.append(ReportRecord{.owner = worker_,
                                      .location = 0,
                                      .generation = 1,
                                      .stream = 0,
                                      .firstSeq = seq,
                                      .operations = {keys_, {}},
                                      .countAfter = seq,
                                      .digestAfter = {}});
  }
  void fold(uint64_t id) {
    FoldRequest request;
    request.id = id;
    request.owner = worker_;
    request.live.generation = 1;
    request.newFold = 1;
    store_.fold(request);
  }
  // The log takes everything, and says so.
  void confirm() {
    store_.step();
    deliver();
    store_.step();
  }
  void deliver() {
    while (log_.step()) {
    }
    log_.poll(*this);
  }
  void settle() {
    confirm();
    own_.complete();
    store_.poll(said_);
  }
  size_t reports() { return own_.disk()[worker_].locations[0].journal.size(); }

  void onAppended(AppendId id, LogSequence sequence) override {
    store_.publisher().onAppended(id, sequence, clock_.nowMs);
  }
  void onAppendUnknown(AppendId id, const Error& why) override {
    store_.publisher().onAppendUnknown(id, why, clock_.nowMs);
  }
  void onFetched(LogSequence sequence, std::string_view bytes) override {
    store_.publisher().onFetched(sequence, bytes, clock_.nowMs);
  }
  void onRecord(LogSequence, std::string_view) override {}
  void onLogLost(const Error&) override {}

  int notified_ = 0;
  std::mt19937_64 random_{1};
  ManualClock clock_;
  MemoryLogRecords engine_;
  MemoryLog log_{engine_, random_};
  MemoryStore own_;
  LoggedStore store_{own_, clock_, options()};
  const OwnerId instance_ = store_.claim();
  const OwnerId worker_ = store_.claim();
  Said said_;
  std::vector<ChunkHash> keys_;
};

TEST_F(LoggedStoreTest, HandsNothingOnThatTheLogDoesNotHave) {
  const Ticket first = report(1);
  const Ticket second = report(2);
  EXPECT_EQ(notified_, 1);
  store_.poll(said_);  // published, with what is gathered
  own_.complete();
  store_.poll(said_);
  EXPECT_LT(said_.committed, first);
  EXPECT_EQ(reports(), 0u);
  EXPECT_FALSE(store_.quiet());
  settle();
  EXPECT_EQ(said_.committed, second);
  EXPECT_EQ(reports(), 2u);
  EXPECT_TRUE(store_.quiet());
  // Both were one record.
  EXPECT_EQ(engine_.records.size(), 2u);
  EXPECT_EQ(own_.disk().place, (LogPlace{"memory", 1, 1, 2, 0}));
}

TEST_F(LoggedStoreTest, APlaceWithinABatchSaysHowMuchOfItIsThere) {
  for (uint64_t seq = 1; seq <= 3; ++seq) report(seq);
  confirm();
  own_.complete(2);
  EXPECT_EQ(reports(), 2u);
  EXPECT_EQ(own_.afterCrash().place, (LogPlace{"memory", 1, 0, 1, 2}));
}

TEST_F(LoggedStoreTest, WhatIsOfThisStoreAloneOvertakesNothingAndIsNotPublished) {
  report(1);
  fold(7);
  StoreBatch drop;
  drop.steps.emplace_back(DropFold{worker_, 0, 1, 0});
  const Ticket dropped = store_.write(std::move(drop));
  std::vector<std::string> called;
  store_.whenHandedOn([&] { called.emplace_back("behind"); });
  own_.complete();
  store_.poll(said_);
  own_.complete();
  store_.poll(said_);
  EXPECT_TRUE(said_.folds.empty());
  EXPECT_TRUE(called.empty());
  settle();
  ASSERT_EQ(said_.folds.size(), 1u);
  EXPECT_EQ(said_.folds[0].baseSeq, 1u) << "it has the report before it";
  EXPECT_EQ(said_.committed, dropped);
  EXPECT_EQ(called.size(), 1u);
  EXPECT_EQ(engine_.records.size(), 2u);
  // With nothing before them they go straight on.
  fold(8);
  own_.complete();
  store_.poll(said_);
  EXPECT_EQ(said_.folds.size(), 2u);
  store_.whenHandedOn([&] { called.emplace_back("at once"); });
  EXPECT_EQ(called.size(), 2u);
}

TEST_F(LoggedStoreTest, HasRoomForSoMuchThatTheLogDoesNotHave) {
  EXPECT_TRUE(store_.hasRoom(100'000)) << "one write in any case";
  report(1, 1000);
  EXPECT_TRUE(store_.hasRoom(1'000));
  EXPECT_FALSE(store_.hasRoom(3'000));
  settle();
  EXPECT_TRUE(store_.hasRoom(3'000));
  own_.setFull(true);
  EXPECT_FALSE(store_.hasRoom(1));
}

TEST_F(LoggedStoreTest, SmallWritesGatherWhileOthersAreUnderWay) {
  for (uint64_t seq = 1; seq <= 10; ++seq) {
    report(seq);
    store_.step();
  }
  EXPECT_EQ(store_.publisher().underWay(), LoggedStoreOptions{}.smallUnderWay);
  deliver();
  store_.step();
  EXPECT_EQ(store_.publisher().underWay(), 1u) << "the others go as one";
  settle();
  EXPECT_EQ(reports(), 10u);
}

// As the doors ask for room, or every report would wait for the one before it.
TEST(LoggedStoreRoomTest, TheDoorsTakeReportsWhileOthersAreUnderWay) {
  std::mt19937_64 random(1);
  ManualClock clock;
  MemoryLogRecords engine;
  engine.records.push_back(encodeRecord(TakeOver{.nonce = 1}));
  MemoryLog log(engine, random);
  MemoryStore own;
  LoggedStore store(own, clock);
  store.lead(log, "memory", {{1, 0}, 1});
  StoreBatch batch;
  batch.steps.emplace_back(PutInstance{store.claim(), {"a", 1, 0}});
  store.write(std::move(batch));
  store.step();
  ASSERT_FALSE(store.quiet());
  EXPECT_TRUE(store.hasRoom(kStoreQueueBytesMax / 2));
}

TEST_F(LoggedStoreTest, IsNotWritableWhileTheLogSaysNothing) {
  report(1);
  clock_.nowMs += 9'900;
  store_.poll(said_);
  EXPECT_TRUE(store_.health().writable);
  EXPECT_TRUE(said_.healths.empty());
  clock_.nowMs += 200;
  store_.poll(said_);
  ASSERT_EQ(said_.healths.size(), 1u);
  EXPECT_FALSE(said_.healths[0].writable);
  EXPECT_NE(said_.healths[0].reason.find("acknowledged nothing for 10 s"), std::string::npos);
  settle();
  ASSERT_EQ(said_.healths.size(), 2u);
  EXPECT_TRUE(said_.healths[1].writable);
  // The own store's counts as well.
  own_.setHealth({false, "no space"});
  store_.poll(said_);
  ASSERT_EQ(said_.healths.size(), 3u);
  EXPECT_EQ(said_.healths[2].reason, "no space");
}

// Beats are taken, what is written is not: too large for the engine, say.
TEST_F(LoggedStoreTest, IsNotWritableWhileWhatIsWrittenIsRefused) {
  report(1);
  store_.step();
  log_.setFaults({.lost = 100, .unknown = 100});
  for (int i = 0; i < 101; ++i) {
    store_.publisher().tick(clock_.nowMs);
    deliver();
    clock_.nowMs += 100;
    log_.setFaults({});
    store_.publisher().announce(encodeRecord(Beat{1, 0}));
    deliver();
    log_.setFaults({.lost = 100, .unknown = 100});
  }
  EXPECT_LT(store_.unheardMs(), 1000u);
  EXPECT_FALSE(store_.health().writable);
  EXPECT_NE(store_.health().reason.find("not taken what was written 10 s ago, it says: lost"),
            std::string::npos)
      << store_.health().reason;
  log_.setFaults({});
  clock_.nowMs += 200;
  store_.publisher().tick(clock_.nowMs);
  settle();
  EXPECT_TRUE(store_.health().writable);
  EXPECT_EQ(reports(), 1u);
}

TEST_F(LoggedStoreTest, HandsNothingOnWhenAnotherOneLeads) {
  report(1);
  engine_.records.push_back(encodeRecord(TakeOver{.base = {1, 0}, .node = "other", .nonce = 2}));
  confirm();  // it learns that there is something else
  settle();   // and what
  ASSERT_TRUE(store_.ended());
  EXPECT_NE(store_.ended()->message.find("'other'"), std::string::npos);
  report(2);
  settle();
  EXPECT_EQ(reports(), 0u);
}

// One that is larger than a record goes in parts, and is there whole or not at all.
TEST_F(LoggedStoreTest, ALargeWriteIsManyFrames) {
  const Ticket ticket = report(1, 100'000);
  settle();
  EXPECT_EQ(said_.committed, ticket);
  EXPECT_GT(engine_.records.size(), 3u);
  EXPECT_EQ(own_.disk().place->writes, 0u);
  EXPECT_EQ(own_.disk().place->sequence, engine_.last());
}

}  // namespace
}  // namespace holdfast::replication
