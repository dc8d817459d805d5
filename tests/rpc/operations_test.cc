// Cache operations over real sockets: what an orchestrator sends, what each worker is asked, and
// what comes back.

#include "operations_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(OperationsTest, AnswersWhenEveryRankHasAnswered) {
  registerInstance("llama", 2);
  auto promise = clearRequest("e", false).send();
  settle();
  ASSERT_THAT(calls(0), SizeIs(1));
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::CLEAR);
  EXPECT_EQ(calls(0)[0].location, "gpu");
  EXPECT_TRUE(calls(0)[0].allChunks);
  EXPECT_EQ(statusOf("e"), schema::EventStatus::RUNNING);
  answer(1, 512);
  settle();
  EXPECT_FALSE(promise.poll(io.waitScope));
  answer(0, 512);
  const auto response = await(kj::mv(promise));
  const auto event = response.getEvent();
  EXPECT_EQ(event.getStatus(), schema::EventStatus::DONE);
  EXPECT_EQ(event.getNumTokens(), 512u);
  EXPECT_EQ(viewOf(event.getEventId()), "e");
  ASSERT_EQ(event.getRanks().size(), 2u);
  EXPECT_EQ(event.getRanks()[1].getStatus(), schema::RankStatus::DONE);
  EXPECT_EQ(statusOf("e"), schema::EventStatus::DONE);
}

TEST_F(OperationsTest, ListsEachAnswerWhereRanksDiffer) {
  registerInstance("llama", 3);
  auto promise = clearRequest("", false).send();
  settle();
  answer(0, 512);
  answer(1, 256);
  fail(2, "no such block");
  const auto response = await(kj::mv(promise));
  EXPECT_EQ(response.getEvent().getStatus(), schema::EventStatus::FAILED);
  EXPECT_THAT(std::string(viewOf(response.getEvent().getError())),
              HasSubstr("rank 0: 512 tokens; rank 1: 256 tokens; rank 2: failed (no such block)"));
  EXPECT_THAT(std::string(viewOf(response.getEvent().getEventId())), HasSubstr("event-"));
}

TEST_F(OperationsTest, TokensBecomeChunks) {
  registerInstance("llama", 1);
  auto request = asking->orchestrator().pinRequest();
  auto message = request.initMessage();
  message.setInstanceId("llama");
  message.setLocation("gpu");
  message.setNoWait(true);
  std::vector<uint32_t> tokens(512);
  for (uint32_t i = 0; i < 512; ++i) tokens[i] = i;
  message.initChunks().setTokens(kj::arrayPtr(tokens.data(), tokens.size()));
  const auto response = await(request.send());
  EXPECT_EQ(response.getEvent().getChunks(), 2u);
  settle();
  std::vector<uint64_t> hashes;
  TokenHasher(HashSettings{}).hash(tokens, hashes);
  ASSERT_THAT(calls(0), SizeIs(1));
  EXPECT_EQ(calls(0)[0].hashes, hashes);
  EXPECT_FALSE(calls(0)[0].allChunks);
}

// A token list that takes several turns to be hashed is not overtaken by what came behind it.
TEST_F(OperationsTest, BeginInTheOrderTheyCame) {
  registerInstance("llama", 1);
  std::vector<uint32_t> tokens(size_t{256} * 1'000);
  for (uint32_t i = 0; i < tokens.size(); ++i) tokens[i] = i;
  auto orchestrator = asking->orchestrator();
  auto pin = orchestrator.pinRequest();
  auto message = pin.initMessage();
  message.setInstanceId("llama");
  message.setLocation("gpu");
  message.setNoWait(true);
  message.initChunks().setTokens(kj::arrayPtr(tokens.data(), tokens.size()));
  auto clear = orchestrator.clearRequest();
  clear.initMessage().setInstanceId("llama");
  clear.getMessage().setLocation("gpu");
  clear.getMessage().setNoWait(true);
  auto pinned = pin.send();
  auto cleared = clear.send();
  EXPECT_EQ(await(kj::mv(pinned)).getEvent().getChunks(), 1'000u);
  await(kj::mv(cleared));
  settle();
  ASSERT_THAT(calls(0), SizeIs(2));
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::PIN);
  std::vector<uint64_t> hashes;
  TokenHasher(HashSettings{}).hash(tokens, hashes);
  EXPECT_EQ(calls(0)[0].hashes, hashes);
  EXPECT_EQ(calls(0)[1].kind, schema::OperationKind::CLEAR);
}

TEST_F(OperationsTest, WhatIsPinnedIsListedAndLookedUp) {
  registerInstance("llama", 2);
  for (uint32_t rank = 0; rank < 2; ++rank) {
    const std::vector<ChunkHash> keys = {4, 5, 6};
    const Worker& worker = *registry.tree().findWorker("llama", rank);
    const Report report{"gpu", kIncarnation, 1, {keys, {}}};
    ASSERT_EQ(controller.take(input::Report{worker.session, report}).value(),
              ReportOutcome::kApplied);
  }
  const auto pin = [&](const char* id, std::initializer_list<uint64_t> chunks, uint64_t ttl) {
    auto request = asking->orchestrator().pinRequest();
    auto message = request.initMessage();
    message.setEventId(id);
    message.setInstanceId("llama");
    message.setLocation("gpu");
    message.initChunks().setHashes(chunks);
    message.setTtlSeconds(ttl);
    auto promise = request.send();
    settle();
    answer(0, 512);
    answer(1, 512);
    EXPECT_EQ(await(kj::mv(promise)).getEvent().getTtlSeconds(), ttl);
  };
  pin("first", {4, 5}, 60);
  pin("second", {5}, 0);
  const auto list = [&](std::vector<uint32_t> ids, uint64_t skip, uint32_t max) {
    auto request = asking->orchestrator().pinsRequest();
    auto message = request.initMessage();
    message.setWorkerIds(kj::arrayPtr(ids.data(), ids.size()));
    message.setWithChunks(true);
    message.setSkip(skip);
    message.setMax(max);
    std::vector<std::string> entries;
    const auto response = await(request.send());
    for (const auto entry : response.getAnswer().getEntries()) {
      std::string text =
          std::to_string(entry.getWorkerId()) + " " + std::string(viewOf(entry.getLocation())) +
          " " + std::string(viewOf(entry.getEventId())) +
          (entry.getExpiresMs() == entry.getPinnedMs() + 60'000 ? " for 60 s:" : ":");
      for (const uint64_t chunk : entry.getHashes()) text += " " + std::to_string(chunk);
      entries.push_back(std::move(text));
    }
    entries.push_back("of " + std::to_string(response.getAnswer().getTotal()));
    return entries;
  };
  EXPECT_THAT(list({}, 0, 0), ElementsAre("0 gpu first for 60 s: 4", "0 gpu second: 5",
                                          "1 gpu first for 60 s: 4", "1 gpu second: 5", "of 4"));
  EXPECT_THAT(list({}, 1, 2), ElementsAre("0 gpu second: 5", "1 gpu first for 60 s: 4", "of 4"));
  EXPECT_THAT(list({1}, 0, 1), ElementsAre("1 gpu first for 60 s: 4", "of 2"));
  const auto pinnedEnd = [&](bool withPins) {
    auto request = asking->orchestrator().lookupRequest();
    auto message = request.initMessage();
    message.setHashes({4, 5, 6});
    message.setWithPins(withPins);
    return await(request.send()).getAnswer().getLayoutInfo()[0].getPinnedEnd();
  };
  EXPECT_EQ(pinnedEnd(true), 512u);
  EXPECT_EQ(pinnedEnd(false), 0u);
  const auto status = await(asking->op().statusRequest().send());
  EXPECT_EQ(status.getAnswer().getPins(), 4u);
  auto many = asking->orchestrator().pinsRequest();
  many.initMessage().setMax(10'001);
  EXPECT_THAT(errorOf(many.send()), HasSubstr("at most 10000"));
}

TEST_F(OperationsTest, CompressAndMoveCarryTheirArguments) {
  registerInstance("llama", 1);
  registerInstance("other", 1);
  auto compress = asking->orchestrator().decompressRequest();
  auto message = compress.initMessage();
  message.setInstanceId("llama");
  message.setLocation("gpu");
  message.setMethod("cachegen");
  message.setNoWait(true);
  await(compress.send());
  settle();
  ASSERT_THAT(calls(0), SizeIs(1));
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::DECOMPRESS);
  EXPECT_EQ(calls(0)[0].method, "cachegen");

  auto move = asking->orchestrator().moveRequest();
  auto toMove = move.initMessage();
  toMove.initOldPosition().setInstanceId("llama");
  toMove.getOldPosition().setLocation("gpu");
  toMove.initNewPosition().setInstanceId("other");
  toMove.getNewPosition().setLocation("gpu");
  toMove.initChunks().setHashes({4, 5});
  toMove.setCopy(true);
  toMove.setNoWait(true);
  await(move.send());
  settle();
  ASSERT_THAT(calls(0), SizeIs(2));
  EXPECT_EQ(calls(0)[1].peerUrl, "peer:0");
  EXPECT_THAT(calls(0)[1].hashes, ElementsAre(4, 5));
  EXPECT_TRUE(calls(0)[1].copy);
}

TEST_F(OperationsTest, TheSameIdAHundredTimesAtOnceIsOneDispatch) {
  registerInstance("llama", 1);
  std::vector<kj::Promise<void>> promises;
  for (int i = 0; i < 100; ++i) {
    promises.push_back(clearRequest("e", false).send().ignoreResult());
  }
  settle();
  ASSERT_THAT(calls(0), SizeIs(1));
  answer(0, 1);
  for (auto& promise : promises) await(kj::mv(promise));
  EXPECT_THAT(calls(0), SizeIs(1));
}

TEST_F(OperationsTest, RefusalsSayWhatToDo) {
  EXPECT_THAT(errorOf(clearRequest("e", false).send()),
              HasSubstr("unknown: there is no instance \"llama\""));
  registerInstance("llama", 2);
  ranks.erase({"llama", 1});
  settle();
  EXPECT_THAT(errorOf(clearRequest("e", false).send()),
              HasSubstr("unavailable: instance 'llama' worker 1 is LOST"));
  EXPECT_THAT(errorOf(checkFinish("e")), HasSubstr("there is no event \"e\""));
  auto many = asking->orchestrator().eventsRequest();
  many.initMessage().setMax(10'001);
  EXPECT_THAT(errorOf(many.send()), HasSubstr("at most 10000"));
}

TEST_F(OperationsTest, AModelThatIsNamedIsCompared) {
  registerInstance("llama", 1);
  auto request = asking->orchestrator().pinRequest();
  auto message = request.initMessage();
  message.setInstanceId("llama");
  message.setLocation("gpu");
  message.initChunks().initHashes(1);
  message.getChunks().setModel("qwen");
  EXPECT_THAT(errorOf(request.send()),
              HasSubstr("instance 'llama' worker 0 has model \"default\", the chunks are of model "
                        "\"qwen\""));
}

TEST_F(OperationsTest, ARankThatDisconnectsIsAskedWhenItIsBack) {
  registerInstance("llama", 1);
  await(clearRequest("e", true).send());
  settle();
  ASSERT_THAT(calls(0), SizeIs(1));
  calls(0).clear();
  ranks[{"llama", 0}].peer.reset();
  settle();
  EXPECT_EQ(statusOf("e"), schema::EventStatus::UNKNOWN);
  AskedWorker::checkAnswer = schema::WorkerOutcomeMsg::Status::DONE;
  registerRank("llama", 0, 1);
  tick();
  EXPECT_THAT(AskedWorker::checked, SizeIs(1));
  EXPECT_EQ(statusOf("e"), schema::EventStatus::DONE);
  EXPECT_THAT(calls(0), IsEmpty()) << "sent twice";
}

TEST_F(OperationsTest, AWorkerThatKnowsNoOperationsFails) {
  // As client libraries without them answer.
  await(registerRequest(*asking, registration()).send());
  auto health = asking->orchestrator().healthRequest();
  health.initMessage().setInstanceId("llama");
  const auto response = await(health.send());
  ASSERT_EQ(response.getEvent().getRanks().size(), 1u);
  EXPECT_EQ(response.getEvent().getRanks()[0].getErrorCode(), kHealthUnexpected);
  EXPECT_THAT(std::string(viewOf(response.getEvent().getRanks()[0].getError())),
              HasSubstr("update it"));
}

TEST_F(OperationsTest, WhoNeverAnswersIsTimedOut) {
  registerInstance("llama", 1);
  auto promise = clearRequest("e", false).send();
  settle();
  tick(60'000);
  const auto response = await(kj::mv(promise));
  EXPECT_EQ(response.getEvent().getRanks()[0].getStatus(), schema::RankStatus::TIMED_OUT);
}

TEST_F(OperationsTest, EventsAreListedNewestFirst) {
  registerInstance("llama", 1);
  for (const char* id : {"first", "second", "third"}) {
    await(clearRequest(id, true).send());
    settle();
  }
  answer(0, 1);
  settle();
  const auto list = [&](bool unfinishedOnly, uint32_t max) {
    auto request = asking->orchestrator().eventsRequest();
    request.initMessage().setUnfinishedOnly(unfinishedOnly);
    request.getMessage().setMax(max);
    std::vector<std::string> ids;
    const auto response = await(request.send());
    for (const auto event : response.getAnswer().getEvents()) {
      ids.emplace_back(viewOf(event.getEventId()));
    }
    return ids;
  };
  EXPECT_THAT(list(false, 0), ElementsAre("third", "second", "first"));
  EXPECT_THAT(list(true, 1), ElementsAre("second"));
}

TEST_F(OperationsTest, AnEndThatIsNotOnTheDiskIsNotTold) {
  registerInstance("llama", 1);
  await(clearRequest("e", true).send());
  settle();
  answer(0, 1);
  // Nothing is committed while the loop is only polled; the worker's answer arrives.
  for (int i = 0; i < 50; ++i) kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
  auto told = checkFinish("e");
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(told.poll(io.waitScope));
  EXPECT_EQ(await(kj::mv(told)).getEvent().getStatus(), schema::EventStatus::DONE);
}

TEST_F(OperationsTest, ADrainedInstanceIsNotNamed) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {10}).wait(io.waitScope);
  ASSERT_THAT(lookup(*peer, {10}), SizeIs(1));
  const auto drain = [&](const char* instance, bool undo) {
    auto request = peer->op().drainRequest();
    request.initMessage().setInstanceId(instance);
    request.getMessage().setUndo(undo);
    return request.send();
  };
  await(drain("llama", false));
  EXPECT_THAT(lookup(*peer, {10}), IsEmpty());
  // Whoever registers meanwhile is not named either.
  Registration again = registration();
  again.attempt = 2;
  again.locations[0].lastSeq = 1;
  again.locations[0].count = 1;
  again.locations[0].digest.add(10);
  registerWorker(*peer, again);
  EXPECT_THAT(lookup(*peer, {10}), IsEmpty());
  await(drain("llama", true));
  EXPECT_THAT(lookup(*peer, {10}), SizeIs(1));
  EXPECT_THAT(errorOf(drain("mistral", false)), HasSubstr("there is no instance \"mistral\""));
}

TEST_F(OperationsTest, AForgottenWorkerIsGone) {
  const auto peer = connect();
  registerWorker(*peer, registration());
  auto request = asking->op().forgetRequest();
  request.initMessage().setInstanceId("llama");
  await(request.send());
  EXPECT_EQ(registry.tree().workers(), 0u);
  auto again = asking->op().forgetRequest();
  again.initMessage().setInstanceId("llama");
  EXPECT_THAT(errorOf(again.send()), HasSubstr("there is no worker 0 of instance \"llama\""));
}

}  // namespace
}  // namespace holdfast::test
