// The order of instances that match equally: by the load they state, then spread.
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

class LookupOrderTest : public RegistryTest {
 protected:
  LookupOrderTest() {
    options_.lifeCycle.workersMax = 100;
    open({});
  }

  // A worker that holds the chunks 1, 2, ... `chunks`.
  SessionId holder(const std::string& instance, uint32_t worker = 0, uint64_t chunks = 2) {
    Registration message = registration(instance, worker);
    message.peerUrl = "peer://" + instance;
    const SessionId session = registered(message);
    std::vector<ChunkHash> keys(chunks);
    for (uint64_t i = 0; i < chunks; ++i) keys[i] = i + 1;
    EXPECT_TRUE(report(session, 1, keys).ok());
    return session;
  }
  void beat(SessionId session, Load load) {
    const auto answer = registry_->registration().heartbeat(session, {}, load);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
  }
  static std::vector<std::string> namesOf(std::span<const LookupMatch> matches) {
    std::vector<std::string> names;
    for (const LookupMatch& match : matches) names.emplace_back(match.instance);
    return names;
  }
  // Of the chunks 1 and 2.
  std::vector<std::string> ordered(uint64_t spread) {
    PromptLookup lookup = registry_->kv().newLookup();
    EXPECT_FALSE(lookup.begin("", kPrompt, {.spread = spread}));
    EXPECT_TRUE(lookup.advance());
    return namesOf(lookup.matches());
  }
  Load loadOf(const std::string& instance) {
    return registry_->tree().directory().load(registry_->tree().findInstance(instance)->slot);
  }

  static constexpr ChunkHash kPrompt[] = {1, 2};
};

TEST_F(LookupOrderTest, EachOfEqualOnesIsTheFirstOneAboutEquallyOften) {
  constexpr int kInstances = 8;
  constexpr int kLookups = 8'000;
  std::set<std::string> all;
  for (int i = 0; i < kInstances; ++i) {
    holder("i" + std::to_string(i));
    all.insert("i" + std::to_string(i));
  }
  std::map<std::string, int> first;
  std::map<std::string, int> second;
  for (uint64_t spread = 0; spread < kLookups; ++spread) {
    const auto names = ordered(spread);
    ASSERT_THAT(names, UnorderedElementsAreArray(all));
    ++first[names[0]];
    ++second[names[1]];
  }
  // 1,000 each, give or take five times the standard deviation of 30.
  for (const std::string& name : all) {
    EXPECT_NEAR(first[name], 1'000, 150) << name;
    EXPECT_NEAR(second[name], 1'000, 150) << name;
  }
}

TEST_F(LookupOrderTest, TheSameLookUpHasTheSameOrderAlsoAfterARestart) {
  // In another order than recovery meets them, so that they get other slots.
  for (const char* name : {"d", "a", "c", "b"}) holder(name);
  std::vector<std::vector<std::string>> before;
  for (uint64_t spread = 0; spread < 50; ++spread) before.push_back(ordered(spread));
  EXPECT_GT(std::set(before.begin(), before.end()).size(), 10u);
  settle();
  restart();
  for (uint64_t spread = 0; spread < 50; ++spread) EXPECT_EQ(ordered(spread), before[spread]);
}

TEST_F(LookupOrderTest, LookUpsWithoutAPreferenceAreSpreadByTheirNumber) {
  for (const char* name : {"a", "b"}) holder(name);
  std::set<std::string> first;
  for (int i = 0; i < 50; ++i) {
    first.insert(std::string(registry_->kv().lookup("", kPrompt).value()[0].instance));
  }
  EXPECT_EQ(first.size(), 2u);
}

TEST_F(LookupOrderTest, TheLessLoadedComesFirstAmongEqualsOnly) {
  beat(holder("busy"), 900);
  beat(holder("idle"), 0);
  beat(holder("queueing"), 2'500);
  holder("silent");
  beat(holder("longest", 0, 3), 5'000);
  PromptLookup lookup = registry_->kv().newLookup();
  const ChunkHash prompt[] = {1, 2, 3};
  for (uint64_t spread = 0; spread < 20; ++spread) {
    ASSERT_FALSE(lookup.begin("", prompt, {.spread = spread}));
    lookup.advance();
    EXPECT_THAT(namesOf(lookup.matches()),
                ElementsAre("longest", "idle", "busy", "silent", "queueing"));
  }
  EXPECT_EQ(lookup.matches()[2].load, 900u);
  EXPECT_EQ(lookup.matches()[3].load, kLoadUnknown);
}

TEST_F(LookupOrderTest, LoadsThatHardlyDifferAreEqual) {
  beat(holder("a"), 510);
  beat(holder("b"), 590);
  std::set<std::string> first;
  for (uint64_t spread = 0; spread < 50; ++spread) first.insert(ordered(spread)[0]);
  EXPECT_EQ(first.size(), 2u);
}

TEST_F(LookupOrderTest, PeersAreSpreadByWhoAsks) {
  std::vector<SessionId> askers;
  for (int i = 0; i < 30; ++i) {
    Registration message = registration("asker" + std::to_string(i), 0);
    askers.push_back(registered(message));
  }
  for (const char* name : {"a", "b", "c"}) holder(name);
  std::map<std::string, int> first;
  for (const SessionId asker : askers) {
    const auto once = registry_->kv().batchedP2pLookup(asker, kPrompt);
    ASSERT_EQ(once.value().size(), 3u);
    const std::string chosen(once.value()[0].instance);
    ++first[chosen];
    EXPECT_EQ(registry_->kv().batchedP2pLookup(asker, kPrompt).value()[0].instance, chosen);
  }
  EXPECT_EQ(first.size(), 3u) << "30 askers went to one or two of three peers";
}

// --- what is held of loads ---

TEST_F(LookupOrderTest, TheLoadOfAnInstanceIsTheHighestOfItsRanks) {
  const SessionId first = holder("a", 0);
  const SessionId second = holder("a", 1);
  EXPECT_EQ(loadOf("a"), kLoadUnknown);
  beat(second, 300);
  EXPECT_EQ(loadOf("a"), 300u);
  beat(first, 700);
  EXPECT_EQ(loadOf("a"), 700u);
  beat(first, 0);
  EXPECT_EQ(loadOf("a"), 300u);
  beat(second, kLoadUnknown);
  EXPECT_EQ(loadOf("a"), 0u);
}

TEST_F(LookupOrderTest, ALoadHoldsForTheHeartbeatTimeOutAndNoLongerThanTheSession) {
  const SessionId session = holder("a");
  beat(session, 400);
  clock_.nowMs += options_.lifeCycle.heartbeatTimeoutMs - 1;
  registry_->tick();
  EXPECT_EQ(loadOf("a"), 400u);
  // It reports, so it is not LOST; but it says nothing of its load any more.
  ASSERT_TRUE(report(session, 3, {9}).ok());
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workersLost(), 0u);
  EXPECT_EQ(loadOf("a"), kLoadUnknown);
  beat(session, 400);
  registry_->registration().connectionClosed(session);
  EXPECT_EQ(loadOf("a"), kLoadUnknown);
  beat(registered(registration("a", 0, 1, 2)), 500);
  EXPECT_EQ(loadOf("a"), 500u);
  settle();
  restart();
  EXPECT_EQ(loadOf("a"), kLoadUnknown);
}

TEST_F(LookupOrderTest, ALoadOutOfRangeIsRefused) {
  const SessionId session = holder("a");
  beat(session, kLoadMax);
  expectRefused(ErrorCode::kInvalid, "1000001 thousandths",
                [&] { return registry_->registration().heartbeat(session, {}, kLoadMax + 1); });
  EXPECT_EQ(loadOf("a"), kLoadMax);
}

TEST_F(LookupOrderTest, AnotherInstanceInItsPlaceStatesNothing) {
  const SessionId session = holder("a");
  beat(session, 100);
  ASSERT_TRUE(registry_->registration().deregister(session).ok());
  holder("b");
  EXPECT_EQ(loadOf("b"), kLoadUnknown);
}

}  // namespace
}  // namespace holdfast::test
