// What a peer or a damaged store can do to the registry, message by message.
#include <algorithm>

#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

TEST_F(RegistryTest, RefusesBadIds) {
  expectRegistrationRefused("instance id", registration("", 0));
  expectRegistrationRefused("256", registration(std::string(257, 'x'), 0));
  expectRegistrationRefused("instance id", registration("a\nb", 0));
  expectRegistrationRefused("instance id", registration("a\xff", 0));
  Registration bad = registration("a", 0);
  bad.locations[0].location = std::string(129, 'x');
  expectRegistrationRefused("128", bad);
  bad.locations[0].location = "";
  expectRegistrationRefused("location name", bad);
  bad = registration("a", 0);
  bad.model = std::string("m\0", 2);
  expectRegistrationRefused("model", bad);
  bad = registration("a", 0);
  bad.port = 65536;
  expectRegistrationRefused("65536", bad);
}

TEST_F(RegistryTest, TakesSlashesAndQuotes) {
  const SessionId session = registered(registration("team/a \"blue\" \xc3\xa9", 0));
  EXPECT_TRUE(report(session, 1, {1}).ok());
  EXPECT_NE(registry_->tree().findWorker("team/a \"blue\" \xc3\xa9", 0), nullptr);
}

TEST_F(RegistryTest, RefusesBadStatements) {
  Registration bad = registration("a", 0);
  bad.locations.push_back(bad.locations[0]);
  expectRegistrationRefused("twice", bad);
  bad = registration("a", 0);
  bad.locations[0].replayableFrom = 0;
  expectRegistrationRefused("replayableFrom", bad);
  bad.locations[0].replayableFrom = 2;
  expectRegistrationRefused("replayableFrom", bad);
  bad = registration("a", 0);
  bad.locations[0].lastSeq = UINT64_MAX;
  expectRegistrationRefused("lastSeq", bad);
  bad = registration("a", 0);
  bad.locations.clear();
  for (int i = 0; i < 65; ++i) bad.locations.push_back({std::to_string(i), 1, true, 0, 0, {}, 1});
  expectRegistrationRefused("64", bad);
  bad = registration("a", 0, 0);
  expectRegistrationRefused("run", bad);
  bad = registration("a", 0, 1, 0);
  expectRegistrationRefused("attempt", bad);
}

TEST_F(RegistryTest, AFullRegistryHasNewWorkersTryAgain) {
  for (uint32_t i = 0; i < 3; ++i) registered(registration("a", i));
  expectRegistrationRefused("3 workers", registration("a", 3), ErrorCode::kUnavailable);
  // Those that are expected back after a restart keep their place as well.
  settle();
  restart();
  expectRegistrationRefused("3 workers", registration("a", 3), ErrorCode::kUnavailable);
  registered(registration("a", 1, 2));
}

TEST_F(RegistryTest, LostWorkersMakeRoomFirstTheEmptyThenTheLongestLost) {
  std::vector<SessionId> sessions;
  for (uint32_t i = 0; i < 3; ++i) sessions.push_back(registered(registration("old", i)));
  ASSERT_TRUE(report(sessions[0], 1, {1, 2}).ok());
  ASSERT_TRUE(report(sessions[1], 1, {1, 2}).ok());
  for (const uint32_t i : {1u, 0u, 2u}) {
    registry_->registration().connectionClosed(sessions[i]);
    clock_.nowMs += 1000;
  }
  const auto known = [&](uint32_t rank) {
    return registry_->tree().findWorker("old", rank) != nullptr;
  };
  registered(registration("new", 0));
  EXPECT_TRUE(known(0) && known(1) && !known(2)) << "the empty one goes, though LOST last";
  registered(registration("new", 1));
  EXPECT_TRUE(known(0) && !known(1)) << "then the longest LOST";
  EXPECT_EQ(notices_.last<notice::EmptyWorkerMadeRoom>().worker.worker, 2u);
  EXPECT_EQ(notices_.last<notice::WorkerMadeRoom>().worker.worker, 1u);
  EXPECT_EQ(notices_.last<notice::WorkerMadeRoom>().chunks, 2u);
  settle();
  restart();
  EXPECT_EQ(report_.workers, 3u);
  EXPECT_TRUE(known(0) && !known(1) && !known(2)) << "forgotten for good";
  registered(registration("new", 2));
  EXPECT_FALSE(known(0));
  EXPECT_EQ(registry_->tree().findInstance("old"), nullptr);
  EXPECT_EQ(registry_->counters().workersMadeRoom, 1u) << "since the restart";
  expectRegistrationRefused("none of them LOST", registration("new", 3), ErrorCode::kUnavailable);
}

TEST_F(RegistryTest, TheLastWorkerOfAnInstanceMakesRoomForAnotherRankOfIt) {
  registered(registration("b", 0));
  registered(registration("c", 0));
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  ASSERT_TRUE(report(registered(registration("a", 1)), 1, {1}).ok());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 3u);
  EXPECT_EQ(registry_->tree().findWorker("a", 0), nullptr);
  EXPECT_EQ(registry_->tree().findWorker("a", 1)->locations[0]->count, 1u);
}

// Pods come and go, each with location names of its own.
TEST_F(RegistryTest, LocationNamesAreGivenBackWithTheLastLocationThatHasThem) {
  const auto pod = [](uint64_t n) {
    Registration message = registration("pod", static_cast<uint32_t>(n % 2), n + 1);
    message.locations.clear();
    for (uint64_t i = 0; i < kLocationsPerWorkerMax - 1; ++i) {
      const std::string name = "disk-" + std::to_string(n) + "-" + std::to_string(i);
      message.locations.push_back({name, n + 1, true, 0, 0, {}, 1});
    }
    message.locations.push_back({"gpu", n + 1, true, 0, 0, {}, 1});
    return message;
  };
  for (uint64_t n = 0; n * kLocationsPerWorkerMax < 2 * kLocationNamesMax; ++n) {
    const SessionId session = registered(pod(n));
    ASSERT_EQ(report(session, 1, {n}, n + 1, "gpu").value(), ReportOutcome::kApplied);
    const auto found = registry_->kv().lookup("", {&n, 1});
    ASSERT_EQ(found.value().size(), 1u);
    ASSERT_EQ(found.value()[0].location, "gpu");
    settle();
    registry_->work();
  }
  EXPECT_EQ(registry_->tree().locationNames().size(), 2 * (kLocationsPerWorkerMax - 1) + 1);
}

TEST_F(RegistryTest, MoreLocationNamesThanThereAreNumbersForHaveToWait) {
  options_.lifeCycle.workersMax = 2 * kLocationNamesMax / kLocationsPerWorkerMax;
  open({});
  const auto named = [](uint32_t rank, const std::string& prefix) {
    Registration message = registration("a", rank, rank + 1);
    message.locations.clear();
    for (size_t i = 0; i < kLocationsPerWorkerMax; ++i) {
      message.locations.push_back({prefix + std::to_string(i), 11, true, 0, 0, {}, 1});
    }
    return message;
  };
  const auto full = static_cast<uint32_t>(kLocationNamesMax / kLocationsPerWorkerMax);
  std::vector<SessionId> sessions;
  for (uint32_t rank = 0; rank < full; ++rank) {
    sessions.push_back(registered(named(rank, std::to_string(rank) + "/")));
  }
  registry_->tick();
  const auto near = notices_.last<notice::LimitNear>();
  EXPECT_EQ(near.limit, Limit::kLocationNames);
  EXPECT_EQ(near.used, kLocationNamesMax);
  EXPECT_EQ(near.max, kLocationNamesMax);
  expectRegistrationRefused("location names", named(full, "x"), ErrorCode::kUnavailable);
  registered(named(full, "7/"));
  ASSERT_TRUE(registry_->registration().deregister(sessions[0]).ok());
  registered(named(full + 1, "x"));
}

TEST_F(RegistryTest, ALimitIsSaidBeforeItIsReachedOnceUntilItIsFarAgain) {
  options_.lifeCycle.workersMax = 10;
  open({});
  std::vector<SessionId> sessions;
  const auto warnings = [&] { return notices_.count<notice::LimitNear>(); };
  const auto fillTo = [&](size_t count) {
    while (sessions.size() < count) {
      const auto rank = static_cast<uint32_t>(sessions.size());
      sessions.push_back(registered(registration("a", rank)));
    }
    for (; sessions.size() > count; sessions.pop_back()) {
      ASSERT_TRUE(registry_->registration().deregister(sessions.back()).ok());
    }
    registry_->tick();
  };
  fillTo(8);
  EXPECT_EQ(warnings(), 0u);
  fillTo(9);
  EXPECT_EQ(warnings(), 1u);
  EXPECT_EQ(notices_.last<notice::LimitNear>().limit, Limit::kWorkers);
  EXPECT_EQ(notices_.last<notice::LimitNear>().used, 9u);
  EXPECT_EQ(notices_.last<notice::LimitNear>().max, 10u);
  fillTo(8);
  fillTo(10);
  EXPECT_EQ(warnings(), 1u) << "near all the time";
  fillTo(7);
  fillTo(9);
  EXPECT_EQ(warnings(), 2u);
}

TEST_F(RegistryTest, RefusesBadReports) {
  const SessionId session = registered(registration("a", 0));
  const auto expect = [&](const std::string& part, uint64_t firstSeq, std::vector<ChunkHash> keys) {
    expectRefused(ErrorCode::kInvalid, part, [&] { return report(session, firstSeq, keys); });
  };
  expect("not 0", 0, {1});
  expect("at least one", 1, {});
  expect("65536", 1, std::vector<ChunkHash>(65537));
  expect("no room", UINT64_MAX, {1, 2});
  expect("no room", UINT64_MAX - 1, {1, 2});
}

TEST_F(RegistryTest, DropsReportsForWhatWasNotDeclared) {
  const SessionId session = registered(registration("a", 0));
  const std::string before = registry_->registryDigest().hex();
  EXPECT_EQ(report(session, 1, {1}, 11, "disk").value(), ReportOutcome::kDropped);
  EXPECT_EQ(report(session, 1, {1}, 12).value(), ReportOutcome::kDropped);
  EXPECT_EQ(report(session + 1, 1, {1}).value(), ReportOutcome::kDropped);
  EXPECT_EQ(registry_->registryDigest().hex(), before);
}

TEST_F(RegistryTest, TheNewestProcessWins) {
  const SessionId first = registered(registration("a", 0, 1));
  const SessionId second = registered(registration("a", 0, 2));
  EXPECT_EQ(link_.supersessions, 1);
  EXPECT_EQ(report(first, 1, {1}).value(), ReportOutcome::kDropped);
  EXPECT_EQ(registry_->registration().heartbeat(first, {}).error().code, ErrorCode::kSuperseded);
  expectRegistrationRefused("took this worker over", registration("a", 0, 1, 2),
                            ErrorCode::kSuperseded);
  EXPECT_TRUE(registry_->registration().deregister(first).ok());
  EXPECT_NE(registry_->tree().findWorker("a", 0), nullptr);
  registry_->registration().connectionClosed(first);
  EXPECT_EQ(registry_->tree().findWorker("a", 0)->session, second);
  // Once nobody is active, whoever comes back is taken.
  registry_->registration().connectionClosed(second);
  registered(registration("a", 0, 1, 3));
  registered(registration("a", 0, 5));
  EXPECT_EQ(notices_.last<notice::WorkerContested>().worker.instance, "a");
}

TEST_F(RegistryTest, AStaleAttemptIsRefused) {
  const SessionId session = registered(registration("a", 0, 1, 5));
  expectRegistrationRefused("attempt 4", registration("a", 0, 1, 4), ErrorCode::kSuperseded);
  expectRegistrationRefused("attempt 5", registration("a", 0, 1, 5), ErrorCode::kSuperseded);
  EXPECT_EQ(registry_->tree().findWorker("a", 0)->session, session);
}

// A seeded generator draws run and incarnations that were there before.
TEST_F(RegistryTest, AProcessThatRepeatsARunIsTakenOnceItIsKnownToBeAnother) {
  const ChunkHash old = 1;
  const ChunkHash fresh = 7;
  const auto holders = [&](ChunkHash key) {
    return registry_->kv().lookup("", {&key, 1}).value().size();
  };
  const auto begins = [&](uint64_t attempt, bool later) {
    Registration message = registration("a", 0, 5, attempt);
    message.onLaterConnection = later;
    return message;
  };
  const SessionId first = registered(begins(1, true));
  registered(begins(2, false));
  const SessionId second = registered(begins(3, false));
  ASSERT_TRUE(report(second, 1, {old, 2, 3}).ok());
  // Nobody is connected; what was delayed on its way is no newer for that.
  registry_->registration().connectionClosed(second);
  expectRegistrationRefused("came after attempt 3", begins(2, false), ErrorCode::kSuperseded);
  expectRegistrationRefused("came after attempt 3", begins(3, false), ErrorCode::kSuperseded);
  const auto again = registry_->registration().registerWorker(begins(1, true), link_);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value().decisions[0].reason, Reason::kRunRepeated);
  const SessionId third = again.value().session;
  EXPECT_EQ(notices_.count<notice::RunRepeated>(), 1u);
  EXPECT_EQ(holders(old), 0u) << "it died with the former process";
  EXPECT_EQ(report(third, 1, {fresh}).value(), ReportOutcome::kApplied);
  EXPECT_EQ(holders(fresh), 1u);
  // The same while the former one's session has not been found dead yet.
  const SessionId fourth = registered(begins(1, true));
  EXPECT_EQ(link_.supersessions, 1);
  EXPECT_EQ(registry_->registration().heartbeat(third, {}).error().code, ErrorCode::kSuperseded);
  EXPECT_EQ(holders(fresh), 0u);
  EXPECT_EQ(report(fourth, 1, {fresh}).value(), ReportOutcome::kApplied);
  settle();
  restart();
  EXPECT_EQ(registry_->tree().memberships(), 1u);
  EXPECT_NE(first, second);
}

TEST_F(RegistryTest, AConnectionIsLaterThanTheRegistrationsBeforeIt) {
  const RegistryTree& tree = registry_->tree();
  const SessionId atFirst = tree.newestSession();
  EXPECT_TRUE(tree.openedSince("a", 0, atFirst)) << "nothing was registered";
  registered(registration("a", 0));
  EXPECT_FALSE(tree.openedSince("a", 0, atFirst));
  const SessionId then = tree.newestSession();
  EXPECT_TRUE(tree.openedSince("a", 0, then));
  registered(registration("b", 0));
  EXPECT_TRUE(tree.openedSince("a", 0, then)) << "another worker's does not matter";
  settle();
  restart();
  EXPECT_TRUE(registry_->tree().openedSince("a", 0, 0)) << "no connection is older than the start";
}

TEST_F(RegistryTest, AnIpLeadsToWhoeverIsAlive) {
  options_.lifeCycle.workersMax = 10;
  open({});
  const auto found = [&] { return registry_->registration().queryInstance("10.0.0.1"); };
  EXPECT_EQ(found(), "");
  const SessionId lost = registered(registration("a", 0));
  registered(registration("m", 0));
  registry_->registration().connectionClosed(lost);
  EXPECT_EQ(found(), "m") << "not the LOST one, which comes first by name";
  clock_.nowMs += 10;
  registered(registration("b", 0));
  EXPECT_EQ(found(), "b") << "the newest registration";
  settle();
  restart();
  EXPECT_EQ(found(), "b") << "both are expected back";
  const SessionId back = registered(registration("m", 0, 1, 2));
  EXPECT_EQ(found(), "m") << "the one that came back";
  registry_->registration().connectionClosed(back);
  EXPECT_EQ(found(), "b");
  EXPECT_EQ(registry_->registration().queryInstance("10.0.0.2"), "");
}

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

TEST_F(RegistryTest, ASilentWorkerLeavesLookupsAndComesBackWithItsState) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  clock_.nowMs += 29'999;
  registry_->tick();
  const ChunkHash key = 1;
  EXPECT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(link_.closures, 1);
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value().empty());
  Registration back = registration("a", 0, 1, 2);
  back.locations[0] = {"cpu", 11, true, 1, 1, {}, 2};
  back.locations[0].digest.add(1);
  const auto result = registry_->registration().registerWorker(back, link_);
  EXPECT_EQ(result.value().decisions[0].kind, DecisionKind::kInSync);
  EXPECT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
}

TEST_F(RegistryTest, ALostWorkerExpires) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  registry_->registration().connectionClosed(session);
  clock_.nowMs += 3'599'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
  EXPECT_TRUE(registry_->tree().instances().empty());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 0u);
}

TEST_F(RegistryTest, TheTimeAsLostGoesOnOverRestartsWhateverTheWallClockSays) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  // An hour in six pieces, with a restart after each.
  for (uint64_t n = 1; n <= 6; ++n) {
    clock_.nowMs += 599'999;
    clock_.wallJumpMs = n % 2 == 0 ? 36'000'000 : -36'000'000;
    registry_->tick();
    EXPECT_EQ(registry_->tree().workers(), 1u) << n;
    restart();
  }
  clock_.nowMs += 30'000;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, WhoeverWasLostWhileTheControllerWasDownHasTimeToComeBack) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  clock_.nowMs += 36'000'000;
  restart();
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 29'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, ALostWorkerOfAnOlderStoreExpiresToo) {
  registry_->registration().connectionClosed(registered(registration("a", 0)));
  settle();
  MemoryStore::Disk disk = store_->afterCrash();
  for (auto& [owner, family] : disk) {
    if (family.worker) family.worker->lostStoreMs = 0;
  }
  open(std::move(disk));
  clock_.nowMs += 3'599'999;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 1u);
  clock_.nowMs += 1;
  registry_->tick();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, ARecoveredWorkerServesUnconfirmedUntilItsTimeIsUp) {
  ASSERT_TRUE(report(registered(registration("a", 0)), 1, {1}).ok());
  settle();
  restart();
  EXPECT_EQ(report_.workers, 1u);
  EXPECT_EQ(report_.chunks, 1u);
  const ChunkHash key = 1;
  ASSERT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value()[0].unconfirmed);
  clock_.nowMs += 30'000;
  registry_->tick();
  EXPECT_TRUE(registry_->kv().lookup("", {&key, 1}).value().empty());
}

TEST_F(RegistryTest, NothingIsConfirmedBeforeItIsCommitted) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1, 2}).ok());
  EXPECT_EQ(registry_->registration().heartbeat(session, {}).value().committed[0].seq, 0u);
  settle();
  EXPECT_EQ(registry_->registration().heartbeat(session, {}).value().committed[0].seq, 2u);
}

TEST_F(RegistryTest, ADrainedInstanceStaysOutOfLookUpsAlsoAfterARestart) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  const ChunkHash key = 1;
  const auto found = [&] { return registry_->kv().lookup("", {&key, 1}).value().size(); };
  ASSERT_EQ(found(), 1u);
  ASSERT_TRUE(registry_->registration().drain("a", true).ok());
  EXPECT_EQ(found(), 0u);
  // What it holds is kept, and so are its reports.
  EXPECT_EQ(report(session, 2, {2}).value(), ReportOutcome::kApplied);
  EXPECT_EQ(registry_->tree().memberships(), 2u);
  settle();
  restart();
  EXPECT_EQ(found(), 0u);
  ASSERT_TRUE(registry_->registration().drain("a", false).ok());
  EXPECT_EQ(found(), 1u);
  EXPECT_FALSE(registry_->registration().drain("b", true).ok());
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

TEST_F(RegistryTest, AnOperatorForgetsAWorker) {
  registered(registration("a", 0));
  settle();
  ASSERT_TRUE(registry_->registration().forget("a", 0).ok());
  EXPECT_EQ(link_.closures, 1);
  EXPECT_EQ(registry_->tree().workers(), 0u);
  EXPECT_FALSE(registry_->registration().forget("a", 0).ok());
  settle();
  restart();
  EXPECT_EQ(registry_->tree().workers(), 0u);
}

TEST_F(RegistryTest, AFullDiskPausesEveryoneAndLosesNothing) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  store_->setHealth({false, "no space left"});
  store_->poll(*registry_);
  ASSERT_EQ(link_.pauses.size(), 1u);
  EXPECT_EQ(link_.pauses[0], "no space left");
  EXPECT_EQ(report(session, 2, {2}).value(), ReportOutcome::kRefused);
  expectRegistrationRefused("no space left", registration("b", 0), ErrorCode::kUnavailable);
  const ChunkHash key = 1;
  EXPECT_EQ(registry_->kv().lookup("", {&key, 1}).value().size(), 1u);
  store_->setHealth({});
  store_->poll(*registry_);
  registry_->tick();
  EXPECT_EQ(link_.resumes, 1);
  Registration again = registration("a", 0, 1, 2);
  again.locations[0] = {"cpu", 11, true, 2, 2, {}, 1};
  const auto result = registry_->registration().registerWorker(again, link_);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().decisions[0].kind, DecisionKind::kReplay);
  EXPECT_EQ(result.value().decisions[0].nextSeq, 2u);
  settle();
  restart();
  EXPECT_EQ(report_.chunks, 1u);
}

TEST_F(RegistryTest, AFullQueuePausesTheReporter) {
  const SessionId session = registered(registration("a", 0));
  store_->setFull(true);
  EXPECT_EQ(report(session, 1, {1}).value(), ReportOutcome::kRefused);
  EXPECT_EQ(link_.pauses.size(), 1u);
  registry_->tick();
  EXPECT_EQ(link_.resumes, 0);
  store_->setFull(false);
  registry_->tick();
  EXPECT_EQ(link_.resumes, 1);
}

// One row per way in which stored records may not hold together.
TEST_F(RegistryTest, DamagedRecordsQuarantineTheirWorkerAlone) {
  const auto journalOf = [&](MemoryStore::Disk & disk) -> auto& {
    for (auto& [owner, family] : disk) {
      if (family.worker && family.worker->worker == 0) return family.locations[0].journal;
    }
    abort();
  };
  using Damage = std::function<void(MemoryStore::Disk&)>;
  const std::pair<const char*, Damage> rows[] = {
      {"a record is missing",
       [&](auto& disk) { journalOf(disk).erase(std::next(journalOf(disk).begin())); }},
      {"a key differs", [&](auto& disk) { journalOf(disk).begin()->second.keys[0] ^= 1; }},
      {"a count differs", [&](auto& disk) { ++journalOf(disk).begin()->second.countAfter; }},
      {"an admit became an evict",
       [&](auto& disk) { journalOf(disk).begin()->second.evicts[0] = true; }},
      {"the location's base differs",
       [&](auto& disk) {
         for (auto& [owner, family] : disk) {
           if (family.worker && family.worker->worker == 0) {
             family.locations[0].record->live.baseCount = 5;
           }
         }
       }},
      {"records of a stream that never began",
       [&](auto& disk) {
         auto node = journalOf(disk).extract(std::prev(journalOf(disk).end()));
         std::get<1>(node.key()) = 9;
         journalOf(disk).insert(std::move(node));
       }},
  };
  for (const auto& [what, damage] : rows) {
    SCOPED_TRACE(what);
    open({});
    const SessionId first = registered(registration("a", 0));
    const SessionId second = registered(registration("a", 1));
    for (uint64_t seq = 1; seq <= 3; ++seq) {
      ASSERT_TRUE(report(first, seq, {seq}).ok());
      ASSERT_TRUE(report(second, seq, {seq}).ok());
    }
    settle();
    damage(store_->disk());
    restart();
    EXPECT_EQ(report_.quarantined, 1u);
    EXPECT_NE(registry_->tree().findWorker("a", 0)->quarantined, "");
    EXPECT_EQ(registry_->tree().findWorker("a", 1)->locations[0]->count, 3u);
    EXPECT_EQ(registry_->tree().memberships(), 3u);
    // It starts anew in a family of its own, and nothing of the old one comes back.
    Registration back = registration("a", 0, 1, 2);
    back.locations[0] = {"cpu", 11, true, 3, 3, {}, 1};
    const auto result = registry_->registration().registerWorker(back, link_);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result.value().decisions[0].nextSeq, 1u);
    EXPECT_EQ(result.value().decisions[0].reason, Reason::kQuarantined);
    settle();
    restart();
    EXPECT_EQ(report_.quarantined, 0u);
    EXPECT_EQ(registry_->tree().memberships(), 3u);
  }
}

// A store that has lost the newest of what it had confirmed: what is left of worker 0 is whole.
class ForgetfulStore : public MemoryStore {
 public:
  using MemoryStore::MemoryStore;
  void recover(RecoverySink& sink) override {
    class Teller : public RecoverySink {
     public:
      explicit Teller(RecoverySink& to) : to_(to) {}
      void begin(const RecoverySummary& summary) override { to_.begin(summary); }
      void event(EventRecord record) override { to_.event(std::move(record)); }
      void instance(OwnerId owner, const InstanceRecord& record) override {
        to_.instance(owner, record);
      }
      void worker(OwnerId owner, const WorkerRecord& record,
                  const std::vector<LocationRecord>& locations) override {
        to_.worker(owner, record, locations);
        if (record.worker == 0) to_.behind(owner, locations.at(0).id, 500);
      }
      void segment(OwnerId owner, uint16_t at, std::span<const ChunkHash> keys) override {
        to_.segment(owner, at, keys);
      }
      void journal(OwnerId owner, uint16_t at, const JournalEntry& entry) override {
        to_.journal(owner, at, entry);
      }
      void batch(OwnerId owner, uint16_t at, uint32_t number,
                 std::span<const ChunkHash> keys) override {
        to_.batch(owner, at, number, keys);
      }
      void buildingJournal(OwnerId owner, uint16_t at, const JournalEntry& entry) override {
        to_.buildingJournal(owner, at, entry);
      }
      void pins(OwnerId owner, uint16_t at, const PinRecord& record,
                std::span<const ChunkHash> chunks) override {
        to_.pins(owner, at, record, chunks);
      }
      void finish(OwnerId owner) override { to_.finish(owner); }
      void damaged(OwnerId owner, const std::string& instance, bool isWorker, uint32_t worker,
                   const std::string& reason) override {
        to_.damaged(owner, instance, isWorker, worker, reason);
      }

     private:
      RecoverySink& to_;
    };
    Teller teller(sink);
    MemoryStore::recover(teller);
  }
};

TEST_F(RegistryTest, WhatTheStoreHasLostOfAWorkerIsNotCalledWhole) {
  for (uint32_t worker = 0; worker < 2; ++worker) {
    ASSERT_TRUE(report(registered(registration("a", worker)), 1, {1, 2, 3}).ok());
  }
  settle();
  ForgetfulStore store(store_->afterCrash());
  Registry registry(options_, clock_, store, notices_);
  const RecoveryReport report = registry.recover();
  EXPECT_EQ(report.workers, 2u);
  EXPECT_EQ(report.behind, 1u);
  EXPECT_EQ(report.quarantined, 0u);
  const Location& behind = *registry.tree().findWorker("a", 0)->find("cpu");
  EXPECT_EQ(behind.sync, SyncState::kDiverged);
  EXPECT_EQ(behind.reason, Reason::kBehind);
  EXPECT_EQ(behind.count, 3u);
  EXPECT_EQ(registry.tree().findWorker("a", 1)->find("cpu")->sync, SyncState::kCaughtUp);
  // Its worker has gone on and can repeat the rest, or nothing of it.
  for (const uint64_t replayable : {uint64_t{4}, uint64_t{501}}) {
    Registration back = registration("a", 0, 1, replayable);
    back.locations[0] = {"cpu", 11, true, 500, 500, {}, replayable};
    const auto result = registry.registration().registerWorker(back, link_);
    ASSERT_TRUE(result.ok());
    const LocationDecision& decision = result.value().decisions.at(0);
    EXPECT_EQ(decision.kind, replayable == 4 ? DecisionKind::kReplay : DecisionKind::kDiverged);
  }
}

}  // namespace
}  // namespace holdfast::test
