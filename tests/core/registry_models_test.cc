// What workers are to each other: models, peers, ranks of one instance.
#include "core/notice.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RegistryTest, AnotherModelForgetsWhatTheWorkerHeld) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1, 2}).ok());
  Registration other = registration("a", 0, 1, 2);
  other.model = "llama";
  other.locations[0] = {"cpu", 11, true, 2, 2, {}, 3};
  other.locations[0].digest.add(1);
  other.locations[0].digest.add(2);
  const auto decided = registry_->registration().registerWorker(other, link_);
  ASSERT_TRUE(decided.ok());
  EXPECT_EQ(decided.value().decisions[0].reason, Reason::kModelChanged);
  EXPECT_EQ(registry_->counters().decisions[static_cast<size_t>(Reason::kNotStated)], 0u);
  EXPECT_EQ(registry_->tree().memberships(), 0u);
  const ChunkHash key = 1;
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value().empty());
  EXPECT_TRUE(registry_->kv().lookup("llama", {&key, 1}).value().empty());
}

TEST_F(RegistryTest, ModelsDoNotMix) {
  ASSERT_TRUE(report(registered(registration("a", 0)), 1, {1}).ok());
  Registration other = registration("b", 0);
  other.model = "llama";
  ASSERT_TRUE(report(registered(other), 1, {1}).ok());
  const ChunkHash key = 1;
  ASSERT_EQ(registry_->kv().lookup("llama", {&key, 1}).value().size(), 1u);
  EXPECT_EQ(registry_->kv().lookup("llama", {&key, 1}).value()[0].instance, "b");
  ASSERT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  EXPECT_EQ(registry_->kv().lookup("default", {&key, 1}).value()[0].instance, "a");
}

TEST_F(RegistryTest, PeersAreTheSameRankOfOtherInstancesWithAUrl) {
  for (const char* instance : {"a", "b", "c"}) {
    Registration message = registration(instance, 1);
    if (instance[0] != 'c') message.peerUrl = std::string("peer://") + instance;
    ASSERT_TRUE(report(registered(message), 1, {1, 2}).ok());
  }
  const SessionId asker = registry_->tree().findWorker("a", 1)->session;
  const ChunkHash keys[] = {1, 2, 3};
  const auto peers = registry_->kv().batchedP2pLookup(asker, keys);
  ASSERT_TRUE(peers.ok());
  ASSERT_EQ(peers.value().size(), 1u);
  EXPECT_EQ(peers.value()[0].instance, "b");
  EXPECT_EQ(peers.value()[0].peerUrl, "peer://b");
  EXPECT_EQ(peers.value()[0].chunks, 2u);
}

TEST_F(RegistryTest, PeersAreOfTheSameWorldSize) {
  std::vector<SessionId> sessions;
  for (const auto& [instance, worldSize] :
       std::vector<std::pair<std::string, uint32_t>>{{"a", 2}, {"b", 4}, {"c", 2}}) {
    Registration message = registration(instance, 1);
    message.peerUrl = "peer://" + instance;
    message.worldSize = worldSize;
    sessions.push_back(registered(message));
    ASSERT_TRUE(report(sessions.back(), 1, {1}).ok());
  }
  const ChunkHash key = 1;
  const auto peers = registry_->kv().batchedP2pLookup(sessions[0], {&key, 1});
  ASSERT_EQ(peers.value().size(), 1u);
  EXPECT_EQ(peers.value()[0].instance, "c");
}

TEST_F(RegistryTest, SaysThatAWorkerHasAnotherModel) {
  ASSERT_TRUE(report(registered(registration("a", 0)), 1, {1}).ok());
  Registration other = registration("a", 0, 1, 2);
  other.model = "qwen-72b";
  registered(other);
  const auto said = notices_.last<notice::ModelChanged>();
  EXPECT_EQ(said.worker.instance, "a");
  EXPECT_EQ(said.worker.worker, 0u);
  EXPECT_EQ(said.model, "qwen-72b");
  EXPECT_EQ(registry_->tree().memberships(), 0u);
}

TEST_F(RegistryTest, ARankIsBelowItsWorldSize) {
  Registration message = registration("a", 2);
  message.worldSize = 2;
  expectRegistrationRefused("worker 2 of a world size of 2", message);
  message.worldSize = 3;
  registered(message);
}

TEST_F(RegistryTest, RanksThatContradictEachOtherHoldNothingTogether) {
  const auto join = [&](uint32_t rank, uint32_t worldSize, uint64_t attempt) {
    Registration message = registration("a", rank, 1, attempt);
    message.worldSize = worldSize;
    return registered(message);
  };
  const ChunkHash key = 1;
  const auto allRanks = [&] {
    return registry_->kv().lookup("", {&key, 1}).value()[0].allRanksChunks;
  };
  ASSERT_TRUE(report(join(0, 2, 1), 1, {1}).ok());
  ASSERT_TRUE(report(join(1, 2, 1), 1, {1}).ok());
  EXPECT_EQ(allRanks(), 1u);
  const SessionId other = join(1, 3, 2);
  EXPECT_EQ(allRanks(), 0u);
  const auto contradictions = [&] { return notices_.count<notice::RanksContradict>(); };
  EXPECT_EQ(contradictions(), 1u);
  EXPECT_EQ(notices_.last<notice::RanksContradict>().instance, "a");
  EXPECT_EQ(notices_.last<notice::RanksContradict>().statements,
            "rank 0 states a world size of 2; rank 1 states a world size of 3");
  // Once, however often they register.
  join(1, 3, 3);
  EXPECT_EQ(contradictions(), 1u);
  settle();
  restart();
  EXPECT_EQ(allRanks(), 0u) << "what they stated is remembered";
  join(1, 2, 4);
  EXPECT_EQ(allRanks(), 1u);
  join(1, 3, 5);
  EXPECT_EQ(contradictions(), 2u);
  // A LOST one has no say.
  registry_->registration().connectionClosed(other);
  registry_->registration().connectionClosed(registry_->tree().findWorker("a", 1)->session);
  EXPECT_EQ(notices_.count<notice::RanksAgree>(), 1u);
}

}  // namespace
}  // namespace holdfast::test
