// What is counted of reports, look-ups and repairs, as whoever scrapes it reads it.
#include "core/counters.h"

#include <map>
#include <string>
#include <vector>

#include "tests/core/random_sequences.h"
#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

class CountersTest : public RepairTest {
 protected:
  const Counters& counted() const { return registry_->counters(); }
};

TEST(Operations, CountTheirEvictsWhereverTheBitmapBegins) {
  forRandomSequences(200, [](Random& random) {
    std::vector<uint8_t> bits(40);
    for (uint8_t& byte : bits) byte = static_cast<uint8_t>(random());
    const std::vector<ChunkHash> keys(below(random, 250));
    const size_t offset = below(random, 70);
    const Operations operations{keys, {bits.data(), offset}};
    size_t expected = 0;
    for (size_t i = 0; i < keys.size(); ++i) expected += operations.evicts.test(i) ? 1 : 0;
    EXPECT_EQ(operations.evicted(), expected);
    EXPECT_EQ((Operations{keys, {}}).evicted(), 0u);
  });
}

TEST_F(CountersTest, TellReportsThatWereAppliedAndAdmitsFromEvicts) {
  const SessionId session = registered(registration("a", 0));
  const std::vector<ChunkHash> keys{1, 2, 1};
  const uint8_t evicts = 0b100;
  ASSERT_TRUE(
      registry_->kv()
          .handleBatchedKvOperations(session, {"cpu", kIncarnation, 1, {keys, {&evicts, 0}}})
          .ok());
  send(session, 1, {1});
  send(session, 9, {9});
  EXPECT_EQ(counted().reports, 3u);
  EXPECT_EQ(counted().reportsApplied, 1u);
  EXPECT_EQ(counted().reportsRetransmitted, 1u);
  EXPECT_EQ(counted().reportsHeld, 1u);
  EXPECT_EQ(counted().operations, 3u);
  EXPECT_EQ(counted().evicts, 1u);
  EXPECT_EQ(registry_->tree().heldOperations(), 1u);
}

TEST_F(CountersTest, TellHowMuchOfPromptsWasFound) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2, 3});
  const std::vector<ChunkHash> prompt{1, 2, 7, 8};
  ASSERT_TRUE(registry_->kv().lookup("", prompt).ok());
  EXPECT_FALSE(found(99));
  EXPECT_EQ(counted().lookups, 2u);
  EXPECT_EQ(counted().lookupChunks, 5u);
  EXPECT_EQ(counted().matchedChunks.count(), 2u);
  EXPECT_EQ(counted().matchedChunks.zeros(), 1u);
  EXPECT_EQ(counted().matchedChunks.sum(), 2u);
}

TEST_F(CountersTest, TellHowReplaysEnded) {
  const SessionId session = registered(registration("a", 0));
  send(session, 3, {3});
  send(session, 1, {1, 2});
  work();
  EXPECT_EQ(counted().replaysFilled, 1u);
  send(session, 9, {9});
  clock_.nowMs += 10'000;
  registry_->tick();
  EXPECT_EQ(counted().replaysFilled, 1u);
  EXPECT_EQ(counted().replaysFailed, 1u);
  EXPECT_EQ(counted().replaysTimedOut, 1u);
}

TEST_F(CountersTest, TellContentsThatDiffered) {
  const SessionId session = registered(registration("a", 0));
  send(session, 1, {1, 2});
  settle();
  heartbeat(session, stating(2, {1, 2}));
  EXPECT_EQ(counted().digestMismatches, 0u);
  heartbeat(session, stating(2, {1, 3}));
  EXPECT_EQ(counted().digestMismatches, 1u);
  registry_->tick();
  start(session, cut(5, {1, 3}, 1, 2));
  batch(session, 5, 0, {1, 4});
  end(session, 5, 2);
  EXPECT_EQ(counted().digestMismatches, 2u);
}

TEST_F(CountersTest, HaveANameEach) {
  std::map<std::string, int> names;
  for (const auto& [name, value] : named(counted())) ++names[name];
  for (const char* name : {"reportsApplied", "evicts", "lookupChunks", "replaysFilled",
                           "replaysTimedOut", "digestMismatches"}) {
    EXPECT_EQ(names[name], 1) << name;
  }
}

}  // namespace
}  // namespace holdfast::test
