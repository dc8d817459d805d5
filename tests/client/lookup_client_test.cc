#include "client/lookup_client.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "fake_controller.h"

namespace holdfast {
namespace {

using State = FakeController::State;

LookupClientOptions optionsFor(const FakeController& controller) {
  LookupClientOptions options;
  options.controller = controller.address();
  options.timeoutMs = 20'000;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 20;
  return options;
}

TEST(LookupClient, AnswersAreTakenOver) {
  FakeController controller;
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  const auto byHashes = client.lookup({1, 2, 3}, {.model = "llama", .withPins = true});
  ASSERT_TRUE(byHashes.ok());
  ASSERT_EQ(byHashes.value().layouts.size(), 1u);
  EXPECT_EQ(byHashes.value().layouts[0].instance, "llama");
  EXPECT_EQ(byHashes.value().layouts[0].matchedChunks, 3u);
  EXPECT_TRUE(byHashes.value().layouts[0].unconfirmed);
  EXPECT_EQ(byHashes.value().layouts[0].hits, (std::vector{std::pair(std::string("gpu"), 3u)}));
  EXPECT_EQ(byHashes.value().layouts[0].pinnedChunks, 1u);
  const auto byTokens = client.lookupTokens(std::vector<uint32_t>(512));
  ASSERT_TRUE(byTokens.ok());
  EXPECT_EQ(byTokens.value().layouts[0].matchedChunks, 2u);
  EXPECT_EQ(byTokens.value().layouts[0].pinnedChunks, 0u);
  EXPECT_EQ(client.queryInstance("10.0.0.1").value(), "at 10.0.0.1");
  const auto workers = client.queryWorkers("llama", {4, 5});
  ASSERT_TRUE(workers.ok());
  ASSERT_EQ(workers.value().size(), 2u);
  EXPECT_EQ(workers.value()[1].worker, 5u);
  EXPECT_EQ(workers.value()[1].state, "recovered");
  EXPECT_EQ(workers.value()[1].locations[0].sync, "caughtUp");
  EXPECT_EQ(workers.value()[1].locations[0].reason, "gapTooOld");
  const auto status = client.status();
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status.value().version, "fake");
  EXPECT_EQ(status.value().contentDigest, "00ff");
  EXPECT_EQ(status.value().lookupP99Us, 7u);
  EXPECT_EQ(status.value().counters, (std::vector{std::pair(std::string("reports"), uint64_t{5})}));
  const auto diverged = client.diverged();
  ASSERT_TRUE(diverged.ok());
  EXPECT_EQ(diverged.value()[0].worker, 4u);
  EXPECT_EQ(diverged.value()[0].location.sync, "diverged");
}

TEST(LookupClient, ManyLookUpsAreOneCall) {
  FakeController controller;
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  LookupPrompt byHashes{.hashes = {1, 2, 3}, .tokens = {}, .options = {.model = "llama"}};
  byHashes.options.maxInstances = 2'000;
  LookupPrompt byTokens{.hashes = {}, .tokens = std::vector<uint32_t>(512), .options = {}};
  byTokens.options.withEndpoints = false;
  const auto answers = client.lookups({byHashes, byTokens});
  ASSERT_TRUE(answers.ok()) << answers.error().message;
  ASSERT_EQ(answers.value().size(), 2u);
  EXPECT_EQ(answers.value()[0].layouts[0].instance, "llama");
  EXPECT_EQ(answers.value()[0].layouts[0].matchedChunks, 3u);
  EXPECT_EQ(answers.value()[0].layouts[0].load, 2.0);
  EXPECT_EQ(answers.value()[0].message, "with");
  EXPECT_EQ(answers.value()[1].layouts[0].matchedChunks, 2u);
  EXPECT_EQ(answers.value()[1].message, "without");
  const auto tooMany = client.lookups(std::vector<LookupPrompt>(1'025));
  EXPECT_EQ(tooMany.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(tooMany.error().message, "a call takes at most 1024 look-ups, not 1025");
  byHashes.hashes.resize(40'000);
  EXPECT_EQ(client.lookups({byHashes, byHashes}).error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(client.lookups({}).value().empty());
}

TEST(LookupClient, InstancesAreListed) {
  FakeController controller;
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  const auto instances = client.instances("llama");
  ASSERT_TRUE(instances.ok());
  ASSERT_EQ(instances.value().size(), 2u);
  EXPECT_EQ(instances.value()[0].instance, "llama");
  EXPECT_EQ(instances.value()[0].hidden, "lost");
}

TEST(LookupClient, ManyCallsAreUnderWayFromManyThreads) {
  FakeController controller;
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  std::atomic<int> answered = 0;
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        client.lookup({1, 2}, {}, [&](const Result<LookupAnswer>& answer) {
          EXPECT_TRUE(answer.ok());
          ++answered;
        });
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_TRUE(eventually([&] { return answered == 2'000; }));
}

TEST(LookupClient, CallsSurviveALostConnection) {
  FakeController controller;
  controller.with([](State& state) { state.hangLookups = true; });
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  std::atomic<int> answered = 0;
  const auto count = [&](const Result<LookupAnswer>& answer) {
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    ++answered;
  };
  client.lookup({1}, {}, count);
  ASSERT_TRUE(
      eventually([&] { return controller.with([](State& state) { return state.lookups == 1; }); }));
  controller.stop();
  controller.with([](State& state) { state.hangLookups = false; });
  client.lookup({1}, {}, count);
  controller.start();
  EXPECT_TRUE(eventually([&] { return answered == 2; }));
}

TEST(LookupClient, ErrorsSayWhatIsWrong) {
  FakeController controller;
  ClientThread thread;
  LookupClientOptions options = optionsFor(controller);
  {
    controller.with([](State& state) { state.lookupError = "invalid: 70000 hashes"; });
    LookupClient client(thread, options);
    EXPECT_EQ(client.lookup({1}).error().code, ErrorCode::kInvalid);
    controller.with([](State& state) { state.lookupError = "a bug of the controller"; });
    EXPECT_EQ(client.lookup({1}).error().code, ErrorCode::kUnavailable);
    controller.with([](State& state) { state.lookupError.clear(); });
    EXPECT_TRUE(client.lookup({1}).ok()) << "the connection is still good";
  }
  {
    controller.with([](State& state) { state.grantOperator = false; });
    LookupClient client(thread, options);
    EXPECT_TRUE(client.lookup({1}).ok());
    EXPECT_EQ(client.status().error().code, ErrorCode::kDenied);
    controller.with([](State& state) { state.grantOrchestrator = false; });
    LookupClient nothing(thread, options);
    EXPECT_EQ(nothing.lookup({1}).error().code, ErrorCode::kDenied);
    EXPECT_EQ(nothing.lookup({1}).error().code, ErrorCode::kDenied) << "and stays so";
    controller.with([](State& state) { state.authenticateError = "unauthenticated: no token"; });
    LookupClient stranger(thread, options);
    EXPECT_EQ(stranger.lookup({1}).error().code, ErrorCode::kUnauthenticated);
  }
  controller.stop();
  options.timeoutMs = 30;
  LookupClient client(thread, options);
  const auto unanswered = client.lookup({1});
  EXPECT_EQ(unanswered.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(unanswered.error().message.find("not connected"), std::string::npos);
}

TEST(LookupClient, ListsOverTheLimitNeverLeave) {
  FakeController controller;
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  EXPECT_EQ(client.lookup(std::vector<ChunkHash>(65'537)).error().code, ErrorCode::kInvalid);
  EXPECT_EQ(client.lookupTokens(std::vector<uint32_t>(4'194'305)).error().code,
            ErrorCode::kInvalid);
  EXPECT_TRUE(client.lookup(std::vector<ChunkHash>(65'536)).ok());
  EXPECT_TRUE(client.lookupTokens(std::vector<uint32_t>(4'194'304)).ok());
  EXPECT_EQ(controller.with([](State& state) { return state.lookups; }), 2u);
}

TEST(LookupClient, TimeOutsAndLimitsHold) {
  FakeController controller;
  controller.with([](State& state) { state.hangLookups = true; });
  ClientThread thread;
  LookupClientOptions options = optionsFor(controller);
  options.timeoutMs = 50;
  options.callsMax = 3;
  std::atomic<int> failed = 0;
  const auto count = [&](const Result<LookupAnswer>& answer) {
    EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
    ++failed;
  };
  LookupClient client(thread, options);
  for (int i = 0; i < 5; ++i) client.lookup({1}, {}, count);
  EXPECT_TRUE(eventually([&] { return failed == 5; }));
  EXPECT_LE(controller.with([](State& state) { return state.lookups; }), 3u);
  controller.with([](State& state) { state.hangLookups = false; });
  EXPECT_TRUE(client.lookup({1}).ok());
  // What is under way at the end is answered before the destructor returns.
  controller.with([](State& state) { state.hangLookups = true; });
  failed = 0;
  {
    options.timeoutMs = 20'000;
    LookupClient ending(thread, options);
    ending.lookup({1}, {}, count);
  }
  EXPECT_EQ(failed, 1);
}

TEST(LookupClient, ATokenThatIsNotKnownIsAnErrorAtOnceAndMayBeLetInLater) {
  FakeController controller;
  controller.with([](FakeController::State& state) {
    state.authenticateError = "unauthenticated: the token is not known";
  });
  ClientThread thread;
  LookupClient client(thread, optionsFor(controller));
  EXPECT_EQ(client.lookup({1}).error().code, ErrorCode::kUnauthenticated);
  controller.with([](FakeController::State& state) { state.authenticateError.clear(); });
  EXPECT_TRUE(eventually([&] { return client.lookup({1}).ok(); }));
}

}  // namespace
}  // namespace holdfast
