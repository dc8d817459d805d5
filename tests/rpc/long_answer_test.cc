// Answers that are long lists: whole, and no obstacle to anybody else.

#include "server_fixture.h"
#include "tests/support/ignored_link.h"

namespace holdfast::test {
namespace {

class LongAnswerTest : public ServerTest {
 protected:
  static constexpr uint32_t kInstances = 8;
  static constexpr uint32_t kRanks = 100;

  // All of them diverged: what they held before is unknown.
  LongAnswerTest() {
    for (uint32_t i = 0; i < kInstances; ++i) {
      for (uint32_t rank = 0; rank < kRanks; ++rank) {
        Registration message = registration("llama-" + std::to_string(i), rank);
        message.locations[0].beganEmpty = false;
        message.locations[0].lastSeq = 9;
        message.locations[0].count = 5;
        message.locations[0].replayableFrom = 10;
        EXPECT_TRUE(controller.take(input::Register{message, link_}).ok());
      }
    }
    commit();
  }
  ~LongAnswerTest() noexcept override = default;

  auto workersRequest(Peer& peer) {
    auto request = peer.orchestrator().queryWorkersRequest();
    request.initMessage().setEventId("event-1");
    return request;
  }
  // A look-up of one chunk, sent over another connection behind whatever was sent before.
  template <typename Then>
  void lookUpBehind(const Then& then) {
    auto one = orchestrator_.lookupRequest();
    one.initMessage().initHashes(1).set(0, 1);
    await(one.send().then([&](auto&&) { then(); }));
  }

  IgnoredLink link_;
  std::unique_ptr<Peer> peer_ = connect();
  std::unique_ptr<Peer> small_ = connect();
  schema::Orchestrator::Client orchestrator_ = small_->orchestrator();
};

TEST_F(LongAnswerTest, ListsOfManyAreWhole) {
  const auto workers = await(workersRequest(*peer_).send());
  EXPECT_EQ(viewOf(workers.getAnswer().getEventId()), "event-1");
  const auto infos = workers.getAnswer().getWorkerInfos();
  ASSERT_EQ(infos.size(), kInstances * kRanks);
  for (uint32_t i = 0; i < infos.size(); ++i) {
    ASSERT_EQ(viewOf(infos[i].getInstanceId()), "llama-" + std::to_string(i / kRanks));
    ASSERT_EQ(infos[i].getWorkerId(), i % kRanks);
    ASSERT_EQ(viewOf(infos[i].getPeerInitUrl()), "peer:" + std::to_string(i % kRanks));
    ASSERT_EQ(infos[i].getLocations().size(), 1u);
    ASSERT_EQ(infos[i].getLocations()[0].getLastSeq(), 9u);
  }
  const auto diverged = await(peer_->op().divergedRequest().send());
  const auto locations = diverged.getAnswer().getLocations();
  ASSERT_EQ(locations.size(), kInstances * kRanks);
  EXPECT_EQ(viewOf(locations[kRanks].getInstanceId()), "llama-1");
  EXPECT_EQ(locations[kRanks].getInfo().getFullSync().getQueuePosition(),
            kRanks - registry.repair().tracker().slotsUsed());
  auto byIp = peer_->orchestrator().queryInstanceRequest();
  byIp.initMessage().setIp("10.0.0.1");
  EXPECT_EQ(viewOf(await(byIp.send()).getAnswer().getInstanceId()), "llama-7")
      << "the newest of many";
  EXPECT_EQ(server->services().longCallBytes, 0u);
}

TEST_F(LongAnswerTest, SmallCallsOvertakeThem) {
  bool answered = false;
  auto all = workersRequest(*peer_).send().then([&](auto&&) { answered = true; });
  auto eager = all.eagerlyEvaluate(nullptr);
  lookUpBehind([&]() { EXPECT_FALSE(answered); });
  await(kj::mv(eager));
  EXPECT_TRUE(answered);
}

TEST_F(LongAnswerTest, OneIsUnderWayAndTheOthersWait) {
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<kj::Promise<void>> answers;
  size_t answered = 0;
  for (int i = 0; i < 3; ++i) {
    peers.push_back(connect());
    answers.push_back(workersRequest(*peers.back())
                          .send()
                          .then([&](auto&& response) {
                            ++answered;
                            EXPECT_EQ(response.getAnswer().getWorkerInfos().size(),
                                      kInstances * kRanks);
                          })
                          .eagerlyEvaluate(nullptr));
  }
  // Who waits gives up: the next one's turn comes.
  peers[1].reset();
  await(kj::mv(answers[0]));
  await(kj::mv(answers[2]));
  EXPECT_EQ(answered, 2u);
  settle();
  EXPECT_EQ(server->services().longCallBytes, 0u);
}

TEST_F(LongAnswerTest, EndWithTheirConnection) {
  auto asking = connect();
  auto answer = workersRequest(*asking).send();
  lookUpBehind([&]() {
    EXPECT_NE(server->services().longCallBytes, 0u);
    asking.reset();
  });
  settle();
  EXPECT_EQ(server->services().longCallBytes, 0u);
}

TEST_F(LongAnswerTest, WorkersMayBeForgottenMeanwhile) {
  auto answer = workersRequest(*peer_).send();
  lookUpBehind([&]() {
    for (uint32_t i = 0; i < kInstances; ++i) {
      const std::string instance = "llama-" + std::to_string(i);
      for (uint32_t rank = 1; rank < kRanks; ++rank) {
        EXPECT_TRUE(controller.take(input::Forget{instance, rank}).ok());
      }
    }
  });
  const auto response = await(kj::mv(answer));
  const auto infos = response.getAnswer().getWorkerInfos();
  EXPECT_GE(infos.size(), kInstances);
  EXPECT_LT(infos.size(), kInstances * kRanks);
  EXPECT_EQ(viewOf(infos[infos.size() - 1].getInstanceId()), "llama-7");
}

}  // namespace
}  // namespace holdfast::test
