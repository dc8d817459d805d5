// Many look-ups in a call; what answers say beside who holds what; the list of instances.

#include <algorithm>
#include <set>

#include "orchestrator_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

class LookupsTest : public OrchestratorTest {
 protected:
  using Request =
      capnp::Request<schema::Orchestrator::LookupsParams, schema::Orchestrator::LookupsResults>;

  // A worker with the chunks 1 to `chunks`.
  schema::WorkerSession::Client holder(const std::string& instance, uint64_t chunks,
                                       Labels labels = {}) {
    Registration info = registration(instance);
    info.labels = std::move(labels);
    auto session = registerWorker(*peer_, info);
    std::vector<uint64_t> keys(chunks);
    for (uint64_t i = 0; i < chunks; ++i) keys[i] = i + 1;
    report(session, "gpu", kIncarnation, 1, keys).wait(io.waitScope);
    return session;
  }
  Request lookups(kj::uint size) {
    auto request = peer_->orchestrator().lookupsRequest();
    request.initMessage().initLookups(size);
    return request;
  }
  static void setHashes(schema::LookupMsg::Builder to, const std::vector<uint64_t>& hashes) {
    to.setHashes(kj::arrayPtr(hashes.data(), hashes.size()));
  }
  static std::vector<uint64_t> prompt(uint64_t chunks) {
    std::vector<uint64_t> hashes(chunks);
    for (uint64_t i = 0; i < chunks; ++i) hashes[i] = i + 1;
    return hashes;
  }
};

TEST_F(LookupsTest, AreAnsweredInTheirOrderAsOneByOne) {
  hold("tokens", 0, {1, 2, 3, 4, 5, 6, 7, 8});
  holder("hashes", 3);
  auto request = lookups(5);
  auto list = request.getMessage().getLookups();
  setHashes(list[0], {1, 2, 3, 4});
  list[0].setEventId("first");
  list[1].initTokens(10);
  for (kj::uint i = 0; i < 10; ++i) list[1].getTokens().set(i, i + 1);
  list[2].setModel("nobody's");
  setHashes(list[2], {1});
  list[3].initTokens(3);
  setHashes(list[4], {99});
  const auto response = await(request.send());
  const auto answers = response.getAnswer().getAnswers();
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(viewOf(answers[0].getEventId()), "first");
  ASSERT_EQ(answers[0].getLayoutInfo().size(), 1u);
  EXPECT_EQ(viewOf(answers[0].getLayoutInfo()[0].getInstanceId()), "hashes");
  EXPECT_EQ(answers[0].getLayoutInfo()[0].getMatchedEnd(), 12u);
  EXPECT_EQ(answers[0].getMiss(), schema::LookupMiss::NONE);
  ASSERT_EQ(answers[1].getLayoutInfo().size(), 1u);
  EXPECT_EQ(viewOf(answers[1].getLayoutInfo()[0].getInstanceId()), "tokens");
  EXPECT_EQ(answers[1].getLayoutInfo()[0].getMatchedEnd(), 8u);
  EXPECT_EQ(answers[2].getMiss(), schema::LookupMiss::UNKNOWN_MODEL);
  EXPECT_THAT(std::string(viewOf(answers[2].getMessage())), HasSubstr("nobody's"));
  EXPECT_EQ(answers[3].getMiss(), schema::LookupMiss::NO_CHUNK);
  EXPECT_EQ(viewOf(answers[3].getMessage()),
            "the prompt has 3 tokens, fewer than a chunk, which has 4");
  EXPECT_EQ(answers[4].getMiss(), schema::LookupMiss::NOT_HELD);
  EXPECT_EQ(registry.counters().lookups, 5u);
  EXPECT_EQ(server->services().longCallBytes, 0u);
  EXPECT_EQ(await(lookups(0).send()).getAnswer().getAnswers().size(), 0u);
}

TEST_F(LookupsTest, OthersGoOnMeanwhile) {
  holder("a", 60'000);
  auto request = lookups(1'000);
  auto list = request.getMessage().getLookups();
  for (const auto one : list) setHashes(one, prompt(64));
  bool answered = false;
  auto all = request.send()
                 .then([&](auto&& response) {
                   answered = true;
                   for (const auto answer : response.getAnswer().getAnswers()) {
                     EXPECT_EQ(answer.getLayoutInfo()[0].getMatchedChunks(), 64u);
                   }
                 })
                 .eagerlyEvaluate(nullptr);
  const auto other = connect();
  auto small = other->orchestrator().lookupRequest();
  setHashes(small.initMessage(), {1});
  await(small.send().then([&](auto&&) { EXPECT_FALSE(answered); }));
  await(kj::mv(all));
  EXPECT_TRUE(answered);
}

TEST_F(LookupsTest, EndWithTheirConnection) {
  for (int i = 0; i < 20; ++i) holder("i" + std::to_string(i), 64);
  auto asking = connect();
  auto request = asking->orchestrator().lookupsRequest();
  for (auto one : request.initMessage().initLookups(1'000)) setHashes(one, prompt(64));
  auto call = request.send();
  // As soon as it is under way.
  for (int i = 0; i < 1'000 && asking != nullptr; ++i) {
    auto small = peer_->orchestrator().lookupRequest();
    setHashes(small.initMessage(), {1});
    await(small.send().then([&](auto&&) {
      if (server->services().longCallBytes == 0) return;
      EXPECT_GE(server->services().longCallBytes, size_t{1'000} * 64 * sizeof(uint64_t));
      asking.reset();
    }));
  }
  EXPECT_EQ(asking, nullptr);
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  EXPECT_EQ(server->services().longCallBytes, 0u);
  EXPECT_LT(registry.counters().lookups, 1'000u) << "it was not over";
}

TEST_F(LookupsTest, TooMuchIsRefusedAsAWhole) {
  holder("a", 1);
  EXPECT_THAT(errorOf(lookups(1'025).send()),
              HasSubstr("invalid: 1025 look-ups in a call, at most 1024"));
  auto hashes = lookups(2);
  hashes.getMessage().getLookups()[0].initHashes(40'000);
  hashes.getMessage().getLookups()[1].initHashes(25'537);
  EXPECT_THAT(errorOf(hashes.send()), HasSubstr("65537 chunks in a call, at most 65536"));
  auto tokens = lookups(3);
  for (auto one : tokens.getMessage().getLookups()) one.initTokens(1'500'000);
  EXPECT_THAT(errorOf(tokens.send()), HasSubstr("4500000 tokens in a call, at most 4194304"));
  auto model = lookups(2);
  setHashes(model.getMessage().getLookups()[0], {1});
  model.getMessage().getLookups()[1].setModel("a\x01");
  EXPECT_THAT(errorOf(model.send()), HasSubstr("control character"));
  auto eventId = lookups(1);
  eventId.getMessage().getLookups()[0].setEventId(std::string(257, 'e').c_str());
  EXPECT_THAT(errorOf(eventId.send()), HasSubstr("event id is 257 bytes"));
  EXPECT_EQ(server->services().longCallBytes, 0u);
  auto fine = lookups(1);
  setHashes(fine.getMessage().getLookups()[0], {1});
  EXPECT_EQ(await(fine.send()).getAnswer().getAnswers()[0].getLayoutInfo().size(), 1u);
}

TEST_F(LookupsTest, ListNoMoreThanTheirShareAndSaySo) {
  for (int i = 0; i < 70; ++i) holder("i" + std::to_string(i), 1);
  auto request = lookups(1'024);
  for (auto one : request.getMessage().getLookups()) setHashes(one, {1});
  const auto response = await(request.send());
  for (const auto answer : response.getAnswer().getAnswers()) {
    // 65,536 / 1,024.
    ASSERT_EQ(answer.getLayoutInfo().size(), 64u);
    ASSERT_EQ(answer.getLeftOut(), 6u);
  }
}

TEST_F(LookupsTest, ListNoMoreBytesThanTheirShareButTheBestInAnyCase) {
  const std::string longest(256, 'v');
  for (int i = 0; i < 40; ++i) {
    holder("i" + std::to_string(i), 1,
           {{"a", longest}, {"b", longest}, {"c", longest}, {"d", std::string(200, 'v')}});
  }
  holder("best", 2, {{"a", longest}});
  auto request = lookups(1'024);
  for (auto one : request.getMessage().getLookups()) setHashes(one, {1, 2});
  const auto response = await(request.send());
  for (const auto answer : response.getAnswer().getAnswers()) {
    // Of 16 KiB, at more than 1 KiB each.
    ASSERT_LT(answer.getLayoutInfo().size(), 16u);
    ASSERT_GT(answer.getLayoutInfo().size(), 8u);
    ASSERT_EQ(answer.getLayoutInfo().size() + answer.getLeftOut(), 41u);
    ASSERT_EQ(viewOf(answer.getLayoutInfo()[0].getInstanceId()), "best");
  }
}

// --- what an answer says of an instance ---

TEST_F(LookupsTest, AnAnswerSaysWhereAnInstanceIsAndHowBusy) {
  auto session = holder("a", 1, {{"zone", "eu-1a"}, {"tier", ""}});
  auto beat = session.heartbeatRequest();
  beat.initMessage().setLoad(850);
  await(beat.send());
  auto request = peer_->orchestrator().lookupRequest();
  setHashes(request.initMessage(), {1});
  {
    const auto response = await(request.send());
    const auto layout = response.getAnswer().getLayoutInfo()[0];
    EXPECT_EQ(layout.getLoad(), 850u);
    const auto endpoint = layout.getEndpoint();
    EXPECT_EQ(viewOf(endpoint.getIp()), registration("a").ip);
    EXPECT_EQ(endpoint.getPort(), registration("a").port);
    EXPECT_EQ(viewOf(endpoint.getPeerInitUrl()), registration("a").peerUrl);
    ASSERT_EQ(endpoint.getLabels().size(), 2u);
    EXPECT_EQ(viewOf(endpoint.getLabels()[0].getKey()), "zone");
    EXPECT_EQ(viewOf(endpoint.getLabels()[0].getValue()), "eu-1a");
    EXPECT_EQ(viewOf(endpoint.getLabels()[1].getKey()), "tier");
  }
  auto without = peer_->orchestrator().lookupRequest();
  setHashes(without.initMessage(), {1});
  without.getMessage().setWithoutEndpoints(true);
  const auto response = await(without.send());
  EXPECT_FALSE(response.getAnswer().getLayoutInfo()[0].hasEndpoint());
  // The next heartbeat says nothing of it.
  await(session.heartbeatRequest().send());
  auto again = peer_->orchestrator().lookupRequest();
  setHashes(again.initMessage(), {1});
  EXPECT_EQ(await(again.send()).getAnswer().getLayoutInfo()[0].getLoad(), kLoadUnknown);
}

TEST_F(LookupsTest, AnAnswerListsTheBestOnesOnlyWhereAskedTo) {
  for (const uint64_t chunks : {1, 2, 3}) holder("i" + std::to_string(chunks), chunks);
  auto request = peer_->orchestrator().lookupRequest();
  setHashes(request.initMessage(), {1, 2, 3});
  request.getMessage().setMaxInstances(2);
  const auto response = await(request.send());
  const auto answer = response.getAnswer();
  ASSERT_EQ(answer.getLayoutInfo().size(), 2u);
  EXPECT_EQ(viewOf(answer.getLayoutInfo()[0].getInstanceId()), "i3");
  EXPECT_EQ(viewOf(answer.getLayoutInfo()[1].getInstanceId()), "i2");
  EXPECT_EQ(answer.getLeftOut(), 1u);
}

TEST_F(LookupsTest, EqualInstancesTakeTurnsUnlessTheEventIdIsTheSame) {
  for (int i = 0; i < 4; ++i) holder("i" + std::to_string(i), 1);
  const auto first = [&](const std::string& eventId) {
    auto request = peer_->orchestrator().lookupRequest();
    setHashes(request.initMessage(), {1});
    request.getMessage().setEventId(textOf(eventId));
    const auto response = await(request.send());
    return std::string(viewOf(response.getAnswer().getLayoutInfo()[0].getInstanceId()));
  };
  std::set<std::string> anonymous, named;
  for (int i = 0; i < 60; ++i) {
    anonymous.insert(first(""));
    named.insert(first("event-" + std::to_string(i)));
    EXPECT_EQ(first("the same"), first("the same"));
  }
  EXPECT_EQ(anonymous.size(), 4u);
  EXPECT_EQ(named.size(), 4u);
}

TEST_F(LookupsTest, ARegistrationWithTooManyLabelsIsRefusedAndNoSessionEnds) {
  Registration info = registration("a");
  info.labels.resize(17, {"k", "v"});
  EXPECT_THAT(errorOf(registerRequest(*peer_, info).send()), HasSubstr("16 labels, not 17"));
  auto session = holder("a", 1);
  auto beat = session.heartbeatRequest();
  beat.initMessage().setLoad(1'000'001);
  EXPECT_THAT(errorOf(beat.send()), HasSubstr("1000001 thousandths, at most 1000000"));
  await(session.heartbeatRequest().send());
}

// --- misses ---

TEST_F(LookupsTest, AMissSaysThatWorkersOfTheModelWereRefusedForTheirHashing) {
  const auto missOf = [&](const char* model) {
    auto request = peer_->orchestrator().lookupRequest();
    setHashes(request.initMessage(), {1});
    request.getMessage().setModel(model);
    const auto response = await(request.send());
    return std::pair(response.getAnswer().getMiss(),
                     std::string(viewOf(response.getAnswer().getMessage())));
  };
  Registration info = registration("a");
  info.model = "llama";
  auto refused = registerRequest(*peer_, info);
  refused.getInfo().initHashing().setChunkSize(16);
  EXPECT_THAT(errorOf(refused.send()), HasSubstr("nothing would ever match"));
  const auto [miss, text] = missOf("llama");
  EXPECT_EQ(miss, schema::LookupMiss::HASHING_DIFFERS);
  EXPECT_THAT(text, HasSubstr("chunk size 16"));
  EXPECT_EQ(missOf("other").first, schema::LookupMiss::UNKNOWN_MODEL);
  EXPECT_EQ(registry.counters().lookupMissesHashingDiffers, 1u);
  EXPECT_EQ(registry.counters().lookupMissesUnknownModel, 1u);
  // One that hashes as we do.
  auto session = registerWorker(*peer_, info);
  EXPECT_EQ(missOf("llama").first, schema::LookupMiss::NOT_HELD);
  await(session.deregisterRequest().send());
  EXPECT_EQ(missOf("llama").first, schema::LookupMiss::UNKNOWN_MODEL);
}

TEST_F(LookupsTest, AMissCountsWhoIsHidden) {
  holder("drained", 1);
  auto drain = peer_->op().drainRequest();
  drain.initMessage().setInstanceId("drained");
  await(drain.send());
  {
    const auto gone = connect();
    auto session = registerWorker(*gone, registration("lost"));
    report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
    settle();
  }
  settle();
  auto request = peer_->orchestrator().lookupRequest();
  setHashes(request.initMessage(), {1});
  const auto response = await(request.send());
  EXPECT_EQ(response.getAnswer().getMiss(), schema::LookupMiss::HIDDEN);
  const auto hidden = response.getAnswer().getHidden();
  EXPECT_EQ(hidden.getDrained(), 1u);
  EXPECT_EQ(hidden.getLost(), 1u);
  EXPECT_EQ(hidden.getDiverged(), 0u);
}

// --- instances ---

TEST_F(LookupsTest, InstancesAreListed) {
  auto session = holder("a", 2, {{"zone", "eu-1a"}});
  auto beat = session.heartbeatRequest();
  beat.initMessage().setLoad(1'500);
  await(beat.send());
  hold("b", 3, {1, 2, 3, 4}, 4);
  auto drain = peer_->op().drainRequest();
  drain.initMessage().setInstanceId("b");
  await(drain.send());
  {
    const auto response = await(peer_->orchestrator().instancesRequest().send());
    const auto all = response.getAnswer().getInstances();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(viewOf(all[0].getInstanceId()), "a");
    EXPECT_EQ(viewOf(all[0].getModel()), "default");
    EXPECT_EQ(all[0].getHidden(), schema::InstanceHidden::NO);
    EXPECT_EQ(all[0].getLoad(), 1'500u);
    EXPECT_EQ(viewOf(all[0].getEndpoint().getLabels()[0].getValue()), "eu-1a");
    ASSERT_EQ(all[0].getRanks().size(), 1u);
    EXPECT_EQ(all[0].getRanks()[0].getMemberships(), 2u);
    EXPECT_EQ(all[0].getRanks()[0].getLoad(), 1'500u);
    EXPECT_EQ(all[1].getWorldSize(), 4u);
    EXPECT_TRUE(all[1].getDrained());
    EXPECT_EQ(all[1].getHidden(), schema::InstanceHidden::DRAINED);
    EXPECT_EQ(all[1].getLoad(), kLoadUnknown);
    EXPECT_EQ(viewOf(all[1].getMissingRanks()), "0 to 2");
  }
  auto one = peer_->orchestrator().instancesRequest();
  one.initMessage().setInstanceId("b");
  EXPECT_EQ(await(one.send()).getAnswer().getInstances().size(), 1u);
  auto nobody = peer_->orchestrator().instancesRequest();
  nobody.initMessage().setInstanceId("c");
  EXPECT_EQ(await(nobody.send()).getAnswer().getInstances().size(), 0u);
  auto bad = peer_->orchestrator().instancesRequest();
  bad.initMessage().setInstanceId("\n");
  EXPECT_THAT(errorOf(bad.send()), HasSubstr("control character"));
  const auto status = await(peer_->op().statusRequest().send());
  EXPECT_EQ(status.getAnswer().getInstancesDrained(), 1u);
  EXPECT_EQ(status.getAnswer().getLocationsHidden(), 1u);
  auto workers = peer_->orchestrator().queryWorkersRequest();
  workers.initMessage().setInstanceId("a");
  const auto infos = await(workers.send());
  EXPECT_EQ(infos.getAnswer().getWorkerInfos()[0].getLoad(), 1'500u);
  EXPECT_EQ(viewOf(infos.getAnswer().getWorkerInfos()[0].getLabels()[0].getKey()), "zone");
}

}  // namespace
}  // namespace holdfast::test
