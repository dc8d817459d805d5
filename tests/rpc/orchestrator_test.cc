// Look-ups, queries, status.

#include "orchestrator_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

TEST_F(OrchestratorTest, AnswersInTokens) {
  hold("a", 0, {1, 2, 3, 4, 5, 6, 7, 8}, 2);
  hold("a", 1, {1, 2, 3, 4}, 2);
  hold("b", 0, {1, 2, 3, 4});
  const auto response = lookupTokens({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  const auto answer = response.getAnswer();
  EXPECT_EQ(viewOf(answer.getEventId()), "event-1");
  ASSERT_EQ(answer.getLayoutInfo().size(), 2u);
  const auto best = answer.getLayoutInfo()[0];
  EXPECT_EQ(viewOf(best.getInstanceId()), "a");
  EXPECT_EQ(viewOf(best.getLocation()), "gpu");
  EXPECT_EQ(best.getMatchedEnd(), 8u);
  EXPECT_EQ(best.getMatchedChunks(), 2u);
  EXPECT_EQ(best.getAllRanksEnd(), 4u);
  EXPECT_EQ(best.getAllRanksChunks(), 1u);
  EXPECT_FALSE(best.getUnconfirmed());
  ASSERT_EQ(best.getHits().size(), 1u);
  EXPECT_EQ(viewOf(best.getHits()[0].getLocation()), "gpu");
  EXPECT_EQ(best.getHits()[0].getChunks(), 2u);
  EXPECT_EQ(viewOf(answer.getLayoutInfo()[1].getInstanceId()), "b");
  EXPECT_EQ(answer.getLayoutInfo()[1].getMatchedEnd(), 4u);
}

TEST_F(OrchestratorTest, AnswersInTokensToHashesToo) {
  hold("a", 0, {1, 2, 3, 4, 5, 6, 7, 8});
  std::vector<uint64_t> hashes;
  hasher_.hash(std::vector<uint32_t>{1, 2, 3, 4, 5, 6, 7, 8}, hashes);
  auto request = peer_->orchestrator().lookupRequest();
  request.initMessage().setHashes(kj::arrayPtr(hashes.data(), hashes.size()));
  const auto response = await(request.send());
  EXPECT_EQ(response.getAnswer().getLayoutInfo()[0].getMatchedEnd(), 8u);
}

TEST_F(OrchestratorTest, AnswersShortPromptsWithNothing) {
  hold("a", 0, {1, 2, 3, 4});
  EXPECT_EQ(lookupTokens({1, 2, 3}).getAnswer().getLayoutInfo().size(), 0u);
  EXPECT_EQ(lookupTokens({}).getAnswer().getLayoutInfo().size(), 0u);
}

// --- A look-up that finds nobody says why ---

class MissTest : public OrchestratorTest {
 protected:
  std::pair<schema::LookupMiss, std::string> missOf(const std::vector<uint64_t>& hashes,
                                                    const std::string& model = "") {
    auto request = peer_->orchestrator().lookupRequest();
    request.initMessage().setModel(textOf(model));
    request.getMessage().setHashes(kj::arrayPtr(hashes.data(), hashes.size()));
    const auto response = await(request.send());
    const auto answer = response.getAnswer();
    EXPECT_EQ(answer.getLayoutInfo().size() == 0, answer.getMiss() != schema::LookupMiss::NONE);
    return {answer.getMiss(), std::string(viewOf(answer.getMessage()))};
  }
  // A worker with the chunks 1, 2 and 3 on a connection of its own.
  std::unique_ptr<Peer> holder(const std::string& instance) {
    auto peer = connect();
    auto session = registerWorker(*peer, registration(instance));
    report(session, "gpu", kIncarnation, 1, {1, 2, 3}).wait(io.waitScope);
    settle();
    return peer;
  }
};

TEST_F(MissTest, NoChunkIsAskedFor) {
  const auto holding = holder("a");
  EXPECT_EQ(missOf({}),
            std::pair(schema::LookupMiss::NO_CHUNK, std::string("the look-up names no hashes")));
  const auto response = lookupTokens({1, 2, 3});
  EXPECT_EQ(response.getAnswer().getMiss(), schema::LookupMiss::NO_CHUNK);
  EXPECT_EQ(viewOf(response.getAnswer().getMessage()),
            "the prompt has 3 tokens, fewer than a chunk, which has 4");
}

TEST_F(MissTest, NobodyHasTheModel) {
  EXPECT_EQ(missOf({1}),
            std::pair(schema::LookupMiss::UNKNOWN_MODEL, std::string("no worker is registered")));
  {
    const auto holding = holder("a");
    EXPECT_EQ(missOf({1}, "Default"),
              std::pair(schema::LookupMiss::UNKNOWN_MODEL,
                        std::string("no worker of model \"Default\" is registered; there are "
                                    "workers of \"default\"")));
    // Another process of the worker runs another model.
    Registration other = registration("a");
    other.run = 2;
    other.model = "Default";
    registerWorker(*holding, other);
    EXPECT_EQ(missOf({1}, "Default").first, schema::LookupMiss::NOT_HELD);
    EXPECT_EQ(missOf({1}).first, schema::LookupMiss::UNKNOWN_MODEL);
  }
  auto forget = peer_->op().forgetRequest();
  forget.initMessage().setInstanceId("a");
  await(forget.send());
  EXPECT_EQ(missOf({1}, "Default").first, schema::LookupMiss::UNKNOWN_MODEL);
}

TEST_F(MissTest, NobodyHoldsTheFirstChunk) {
  const auto holding = holder("a");
  EXPECT_EQ(missOf({9, 1, 2}),
            std::pair(schema::LookupMiss::NOT_HELD,
                      std::string("no worker of model \"default\" holds the first chunk")));
  EXPECT_EQ(missOf({1, 9}).first, schema::LookupMiss::NONE);
}

TEST_F(MissTest, WhoeverHoldsItIsNotNamed) {
  { const auto lost = holder("a"); }
  settle();
  EXPECT_EQ(missOf({1}),
            std::pair(schema::LookupMiss::HIDDEN,
                      std::string("whoever holds the first chunk is not named: instance 'a' worker "
                                  "0 is LOST")));
  const auto drained = holder("b");
  EXPECT_EQ(missOf({1}).first, schema::LookupMiss::NONE);
  auto drain = peer_->op().drainRequest();
  drain.initMessage().setInstanceId("b");
  await(drain.send());
  const auto diverged = holder("c");
  // The process says that it holds something else.
  Registration other = registration("c");
  other.run = 2;
  other.locations[0].incarnation = kIncarnation + 1;
  other.locations[0].lastSeq = 5;
  other.locations[0].count = 5;
  other.locations[0].replayableFrom = 6;
  registerWorker(*diverged, other);
  const auto [miss, text] = missOf({1});
  EXPECT_EQ(miss, schema::LookupMiss::HIDDEN);
  EXPECT_THAT(text, HasSubstr("instance 'a' worker 0 is LOST"));
  EXPECT_THAT(text, HasSubstr("instance \"b\" is drained"));
  EXPECT_THAT(text,
              HasSubstr("instance 'c' worker 0 location \"gpu\" has diverged (worker restarted)"));
}

TEST_F(OrchestratorTest, ShowsRanksThatContradictEachOther) {
  hold("a", 0, {1, 2, 3, 4}, 4);
  hold("a", 1, {1, 2, 3, 4}, 2);
  hold("b", 0, {1, 2, 3, 4}, 1);
  const auto response = await(peer_->orchestrator().queryWorkersRequest().send());
  const auto infos = response.getAnswer().getWorkerInfos();
  ASSERT_EQ(infos.size(), 3u);
  for (const kj::uint i : {0u, 1u}) {
    EXPECT_EQ(infos[i].getWorldSize(), i == 0 ? 4u : 2u);
    EXPECT_EQ(viewOf(infos[i].getContradiction()),
              "rank 1 states a world size of 2; rank 0 states a world size of 4");
  }
  EXPECT_EQ(viewOf(infos[2].getContradiction()), "");
  const auto status = await(peer_->op().statusRequest().send());
  EXPECT_EQ(status.getAnswer().getInstancesContradicting(), 1u);
}

class PartialChunkTest : public OrchestratorTest {
 protected:
  PartialChunkTest() : OrchestratorTest(HashSettings{.chunkSize = 4, .saveUnfullChunk = true}) {}
};

TEST_F(PartialChunkTest, CountsThePartialChunksRealTokens) {
  hold("a", 0, {1, 2, 3, 4, 5, 6});
  EXPECT_EQ(lookupTokens({1, 2, 3, 4, 5, 6}).getAnswer().getLayoutInfo()[0].getMatchedEnd(), 6u);
}

TEST_F(OrchestratorTest, KeepsModelsApart) {
  hold("a", 0, {1, 2, 3, 4});
  auto request = peer_->orchestrator().lookupRequest();
  auto message = request.initMessage();
  message.setModel("another");
  message.initTokens(4);
  for (kj::uint i = 0; i < 4; ++i) message.getTokens().set(i, i + 1);
  EXPECT_EQ(await(request.send()).getAnswer().getLayoutInfo().size(), 0u);
}

TEST_F(OrchestratorTest, RefusesTooMuch) {
  auto hashes = peer_->orchestrator().lookupRequest();
  hashes.initMessage().initHashes(65'537);
  EXPECT_THAT(errorOf(hashes.send()), HasSubstr("invalid: "));
  auto tokens = peer_->orchestrator().lookupRequest();
  tokens.initMessage().initTokens(4'194'305);
  EXPECT_THAT(errorOf(tokens.send()), HasSubstr("4194305 tokens, at most 4194304"));
  auto chunks = peer_->orchestrator().lookupRequest();
  chunks.initMessage().initTokens(4 * 65'537);
  EXPECT_THAT(errorOf(chunks.send()), HasSubstr("65537 chunks, at most 65536"));
  auto eventId = peer_->orchestrator().lookupRequest();
  eventId.initMessage().setEventId(std::string(257, 'e').c_str());
  EXPECT_THAT(errorOf(eventId.send()), HasSubstr("event id is 257 bytes"));
  auto model = peer_->orchestrator().lookupRequest();
  model.initMessage().setModel("a\x01");
  EXPECT_THAT(errorOf(model.send()), HasSubstr("control character"));
  // The connection goes on.
  hold("a", 0, {1, 2, 3, 4});
  EXPECT_EQ(lookupTokens({1, 2, 3, 4}).getAnswer().getLayoutInfo().size(), 1u);
}

TEST_F(OrchestratorTest, FindsInstancesByIp) {
  hold("a", 0, {1, 2, 3, 4});
  hold("b", 7, {1, 2, 3, 4});
  const auto query = [&](const char* ip) {
    auto request = peer_->orchestrator().queryInstanceRequest();
    request.initMessage().setIp(ip);
    return std::string(viewOf(await(request.send()).getAnswer().getInstanceId()));
  };
  EXPECT_EQ(query("10.0.0.7"), "b");
  EXPECT_EQ(query("10.0.0.9"), "");
  auto empty = peer_->orchestrator().queryInstanceRequest();
  empty.initMessage();
  EXPECT_THAT(errorOf(empty.send()), HasSubstr("ip is empty"));
}

TEST_F(OrchestratorTest, ListsWorkers) {
  hold("a", 0, {1, 2, 3, 4, 5, 6, 7, 8});
  hold("a", 1, {1, 2, 3, 4});
  hold("b", 1, {1, 2, 3, 4});
  settle();
  const auto query = [&](const char* instance, std::vector<uint32_t> ids) {
    auto request = peer_->orchestrator().queryWorkersRequest();
    auto message = request.initMessage();
    message.setInstanceId(instance);
    message.setWorkerIds(kj::arrayPtr(ids.data(), ids.size()));
    return await(request.send());
  };
  EXPECT_EQ(query("", {}).getAnswer().getWorkerInfos().size(), 3u);
  EXPECT_EQ(query("", {1}).getAnswer().getWorkerInfos().size(), 2u);
  EXPECT_EQ(query("nobody", {}).getAnswer().getWorkerInfos().size(), 0u);
  const auto response = query("a", {0});
  ASSERT_EQ(response.getAnswer().getWorkerInfos().size(), 1u);
  const auto info = response.getAnswer().getWorkerInfos()[0];
  EXPECT_EQ(viewOf(info.getInstanceId()), "a");
  EXPECT_EQ(info.getWorkerId(), 0u);
  EXPECT_EQ(info.getState(), schema::WorkerState::ACTIVE);
  EXPECT_EQ(viewOf(info.getModel()), "default");
  EXPECT_EQ(viewOf(info.getPeerInitUrl()), "peer:0");
  ASSERT_EQ(info.getLocations().size(), 1u);
  EXPECT_EQ(info.getLocations()[0].getLastSeq(), 2u);
  EXPECT_EQ(info.getLocations()[0].getCommittedSeq(), 2u);
  EXPECT_EQ(info.getLocations()[0].getCount(), 2u);
}

TEST_F(OrchestratorTest, StatusSumsUp) {
  hold("a", 0, {1, 2, 3, 4, 5, 6, 7, 8});
  hold("b", 0, {1, 2, 3, 4});
  settle();
  lookupTokens({1, 2, 3, 4});
  auto refused = peer_->orchestrator().lookupRequest();
  refused.initMessage().setModel("\n");
  EXPECT_THAT(errorOf(refused.send()), HasSubstr("control character"));
  auto request = peer_->op().statusRequest();
  request.initMessage().setResetLookupWindow(true);
  const auto response = await(request.send());
  const auto status = response.getAnswer();
  EXPECT_EQ(viewOf(status.getVersion()), "1.2.3");
  EXPECT_EQ(status.getInstances(), 2u);
  EXPECT_EQ(status.getWorkersActive(), 2u);
  EXPECT_EQ(status.getLocations(), 2u);
  EXPECT_EQ(status.getLocationsCaughtUp(), 2u);
  EXPECT_EQ(status.getChunks(), 2u);
  EXPECT_EQ(status.getMemberships(), 3u);
  ASSERT_EQ(status.getLimits().size(), 3u);
  EXPECT_EQ(viewOf(status.getLimits()[0].getName()), "workers");
  EXPECT_EQ(status.getLimits()[0].getUsed(), 2u);
  EXPECT_EQ(status.getLimits()[0].getMax(), kWorkersMaxDefault);
  EXPECT_TRUE(status.getStoreWritable());
  EXPECT_TRUE(status.getCommitted());
  EXPECT_EQ(viewOf(status.getContentDigest()), registry.contentDigest().hex());
  EXPECT_EQ(viewOf(status.getRegistryDigest()), registry.registryDigest().hex());
  EXPECT_EQ(status.getLookups().getCount(), 1u) << "without the one that was refused";
  EXPECT_EQ(status.getLookupWindow().getCount(), 1u);
  EXPECT_EQ(status.getConnections(), 1u);

  const auto later = await(peer_->op().statusRequest().send());
  EXPECT_EQ(later.getAnswer().getLookups().getCount(), 1u);
  EXPECT_EQ(later.getAnswer().getLookupWindow().getCount(), 0u);
}

TEST_F(OrchestratorTest, ListsWhatIsDiverged) {
  hold("fine", 0, {1, 2, 3, 4});
  Registration unknown = registration("other", 3);
  unknown.locations[0].beganEmpty = false;
  unknown.locations[0].lastSeq = 9;
  unknown.locations[0].count = 5;
  unknown.locations[0].replayableFrom = 10;
  auto session = registerWorker(*peer_, unknown);
  const auto response = await(peer_->op().divergedRequest().send());
  ASSERT_EQ(response.getAnswer().getLocations().size(), 1u);
  const auto one = response.getAnswer().getLocations()[0];
  EXPECT_EQ(viewOf(one.getInstanceId()), "other");
  EXPECT_EQ(one.getWorkerId(), 3u);
  EXPECT_EQ(viewOf(one.getInfo().getName()), "gpu");
  EXPECT_EQ(one.getInfo().getReason(), schema::Reason::UNKNOWN);
}

}  // namespace
}  // namespace holdfast::test
