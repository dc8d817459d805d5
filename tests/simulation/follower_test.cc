// A follower that is fed what its leader's store has committed is, at every moment, what a restart
// would give: on its own store, and on its leader's.
#include "tests/simulation/follower.h"

#include <gtest/gtest.h>

#include "tests/simulation/convergence_world.h"
#include "tests/simulation/registry_world.h"
#include "tests/support/ignored_link.h"

namespace holdfast::test {
namespace {

class FollowedStore final : public StoreUnderTest {
 public:
  explicit FollowedStore(Random& random) : follower_(random) { store_ = follower_.makeStore({}); }
  RegistryStore& store() override { return *store_; }
  void release(Random& random) override { store_->complete(1 + below(random, 4)); }
  void releaseAll(Ticket) override { store_->complete(); }
  bool setWritable(bool writable) override {
    store_->setHealth({writable, writable ? "" : "no space on the device"});
    return true;
  }
  Ticket crash(Random&, Ticket) override {
    const Ticket survived = store_->committed();
    store_ = follower_.makeStore(store_->afterCrash());
    return survived;
  }
  Follower& follower() { return follower_; }

 private:
  Follower follower_;
  std::unique_ptr<MemoryStore> store_;
};

TEST(FollowerTest, FollowsRegistrationsReportsPinsAndAdoptions) {
  Follower::Seen all;
  uint64_t sequences = 0;
  forRandomSequences(1'000, [&](Random& random) {
    FollowedStore store(random);
    RegistryWorld world(random, store);
    for (uint64_t n = 50 + below(random, 250); n > 0 && !::testing::Test::HasFailure(); --n) {
      world.step();
    }
    store.releaseAll(0);
    store.follower().catchUp();
    store.follower().check();
    all.writes += store.follower().seen().writes;
    all.folds += store.follower().seen().folds;
    all.pins += store.follower().seen().pins;
    ++sequences;
  });
  if (sequences < 100) return;
  EXPECT_GT(all.writes, 10 * sequences);
  EXPECT_GT(all.folds, sequences / 10);
  EXPECT_GT(all.pins, 0u);
}

TEST(FollowerTest, FollowsAWholeFleetThroughFullSyncsOperationsAndCrashes) {
  Follower::Seen all;
  uint64_t sequences = 0;
  forRandomSequences(500, [&](Random& random) {
    Follower follower(random);
    ConvergenceWorld world(
        random, [&](MemoryStore::Disk disk) { return follower.makeStore(std::move(disk)); });
    world.run();
    if (::testing::Test::HasFailure()) return;
    follower.catchUp();
    follower.check();
    all.folds += follower.seen().folds;
    all.events += follower.seen().events;
    ++sequences;
  });
  if (sequences < 100) return;
  EXPECT_GT(all.folds, 0u);
  EXPECT_GT(all.events, sequences);
}

TEST(FollowerTest, FollowsWhereTheSourceOfAWorkerStandsAndWhatWasLostOfIt) {
  forRandomSequences(20, [](Random& random) {
    FollowedStore store(random);
    FakeClock clock;
    IgnoredNotices notices;
    IgnoredLink link;
    Registry leader({}, clock, store.store(), notices);
    leader.recover();
    const auto follow = [&]() {
      store.releaseAll(0);
      store.follower().catchUp();
      store.follower().check();
    };
    Registration registration;
    registration.instance = "a";
    registration.run = registration.attempt = 1;
    LocationStatement& empty = registration.locations.emplace_back();
    empty.location = "cpu";
    empty.incarnation = 7;
    empty.beganEmpty = true;
    const auto session = leader.registration().registerWorker(registration, link).value().session;
    const std::vector<ChunkHash> keys = {1, 2, 3};
    const std::vector<uint8_t> stored = {0};
    const auto report = [&](uint64_t incarnation, uint64_t firstSeq, SourcePosition position) {
      const auto outcome = leader.kv().handleBatchedKvOperations(
          session, {"cpu", incarnation, firstSeq, {keys, {stored.data(), 0}}, position});
      EXPECT_EQ(outcome.value(), ReportOutcome::kApplied);
      follow();
    };
    report(7, 1, {40, 400});
    leader.kv().operationsLost(session, {.location = "cpu",
                                         .incarnation = 7,
                                         .nextSeq = 10,
                                         .newIncarnation = 8,
                                         .hide = chance(random, 50)});
    follow();
    report(8, 10, {41, 410});
    EXPECT_EQ(leader.kv().clear(session, {"cpu", 8, 20, SourcePosition{42, 420}}).value(),
              ReportOutcome::kApplied);
    follow();
    EXPECT_TRUE(leader.tree().findWorker("a", 0)->record.position);
  });
}

}  // namespace
}  // namespace holdfast::test
