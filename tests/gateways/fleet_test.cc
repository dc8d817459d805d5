// The table of the gateway's README, row by row, on a core with a store in memory; and that all of
// it replays from a capture.
#include "gateways/lmcache/fleet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "capture/log_reader.h"
#include "capture/player.h"
#include "capture/recorder.h"
#include "tests/capture/scratch_log.h"
#include "tests/core/random_sequences.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::lmcache {
namespace {

using test::MemoryStore;
using Reported = Fleet::Reported;

constexpr const char* kCpu = "LocalCPUBackend";
constexpr const char* kDisk = "LocalDiskBackend";

class SteppedClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return 1'700'000'000'000 + nowMs; }
  uint64_t nowMs = 1'000;
};

class FleetTest : public test::LogTest {
 protected:
  FleetTest() { start({}); }

  void start(MemoryStore::Disk disk) {
    fleet.reset();
    recorder.reset();
    controller.reset();
    store.emplace(std::move(disk));
    controller.emplace(
        core, clock, *store, [this]() { return ++drawn; }, notices);
    recorder.emplace(*controller, notices);
    fleet.emplace(
        *controller, options, [this]() { return ++drawn; },
        [](const Fleet::Key&, const std::string&, uint32_t) { return nullptr; },
        [this](const Fleet::Key& key) { resets.insert(key); }, counts);
    fleet->adoptRecovered();
  }
  void commit() {
    store->complete();
    store->poll(*controller);
    controller->take(input::StorePolled{});
  }
  void restart() {
    commit();
    start(store->afterCrash());
  }
  void pass(uint64_t ms) {
    for (uint64_t end = clock.nowMs + ms; clock.nowMs < end;) {
      clock.nowMs += 100;
      controller->take(input::Tick{});
      fleet->tick([](const Fleet::Key&, WorkerOrders&) {});
      commit();
    }
  }

  Inbound from(Type type, uint16_t port = 100, uint32_t worker = 0) const {
    Inbound message;
    message.type = type;
    message.instance = "i";
    message.worker = worker;
    message.ip = "10.0.0.1";
    message.port = port;
    message.peerUrl = "10.0.0.1:9";
    return message;
  }
  void registers(uint16_t port = 100, uint32_t worker = 0) {
    const auto ticket = fleet->registered(from(Type::kRegister, port, worker));
    EXPECT_TRUE(ticket.ok()) << ticket.error().message;
    commit();
  }
  // Admits these, from seq_num on.
  Reported reports(uint64_t seqNum, std::vector<ChunkHash> keys, const char* name = kCpu,
                   uint32_t worker = 0) {
    Inbound message = from(Type::kOperations, 0, worker);
    message.location = name;
    message.firstSeq = seqNum;
    message.keys = std::move(keys);
    const Reported reported = fleet->reported(message);
    commit();
    return reported;
  }
  std::optional<Reason> beats(bool answered = true, uint16_t port = 100) {
    const auto beat = fleet->heartbeat(from(Type::kHeartbeat, port), answered);
    EXPECT_TRUE(beat.ok()) << beat.error().message;
    commit();
    controller->take(input::Tick{});
    if (!beat.ok()) return std::nullopt;
    return beat.value().fullSync;
  }
  // What its next heartbeats tell it to do.
  std::optional<Reason> command() {
    for (int i = 0; i < 3; ++i) {
      if (const auto reason = beats()) return reason;
    }
    return std::nullopt;
  }

  const Worker* worker(uint32_t id = 0) const {
    return controller->registry().tree().findWorker("i", id);
  }
  const Location* location(const char* name = kCpu, uint32_t id = 0) const {
    return worker(id) == nullptr ? nullptr : worker(id)->find(name);
  }
  bool isWhole(const char* name = kCpu) const {
    return location(name)->sync == SyncState::kInSync ||
           location(name)->sync == SyncState::kCaughtUp;
  }
  bool found(ChunkHash key) {
    PromptLookup lookup = controller->newLookup();
    EXPECT_FALSE(lookup.begin("", {&key, 1}, {}));
    EXPECT_TRUE(controller->advance(lookup));
    return !controller->take(input::LookedUp{lookup, {}}).empty();
  }
  // A full sync as the gateway gives it to core.
  void syncs(const std::vector<ChunkHash>& keys) {
    const Location* its = fleet->locationForSync("i", 0, kCpu);
    ASSERT_NE(its, nullptr);
    const SessionId session = fleet->sessionOf("i", 0);
    FullSyncStart start{
        kCpu,        its->record.live.incarnation, ++drawn, keys.size(), 1, its->lastSeq, {},
        its->lastSeq};
    for (const ChunkHash key : keys) start.digest.add(key);
    EXPECT_TRUE(controller->take(input::FullSyncStart{session, start}).value().accepted);
    (void)controller->take(
        input::FullSyncBatch{session, {kCpu, start.incarnation, start.syncId, 0, keys}});
    const FullSyncEnd end{kCpu, start.incarnation, start.syncId, keys.size()};
    (void)controller->take(input::FullSyncEnd{session, end});
    while (controller->take(input::Work{})) {
    }
    commit();
  }

  ControllerOptions core;
  Fleet::Options options;
  SteppedClock clock;
  uint64_t drawn = 0;
  test::RecordedNotices notices;
  Measurements::Lmcache counts;
  std::set<Fleet::Key> resets;
  std::optional<MemoryStore> store;
  std::optional<Controller> controller;
  std::optional<Recorder> recorder;
  std::optional<Fleet> fleet;
};

TEST_F(FleetTest, ReportsFromTheFirstOnAreInSyncAndLookedUp) {
  registers();
  EXPECT_EQ(reports(0, {1, 2}), Reported::kApplied);
  EXPECT_EQ(reports(2, {3}), Reported::kApplied);
  EXPECT_EQ(reports(0, {9}, kDisk), Reported::kApplied);
  EXPECT_EQ(location()->lastSeq, 3u);
  EXPECT_TRUE(isWhole());
  EXPECT_TRUE(isWhole(kDisk));
  for (const ChunkHash key : {1, 2, 3, 9}) EXPECT_TRUE(found(key));
  EXPECT_FALSE(command());
  EXPECT_EQ(counts.gaps, 0u);
}

TEST_F(FleetTest, AfterARestartTheNextReportGoesOnAndNothingIsAskedFor) {
  registers();
  reports(0, {1, 2});
  reports(0, {9}, kDisk);
  restart();
  EXPECT_TRUE(found(1));
  EXPECT_EQ(reports(2, {3}), Reported::kApplied);
  EXPECT_TRUE(isWhole());
  EXPECT_TRUE(isWhole(kDisk));
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
  for (const ChunkHash key : {1, 2, 3, 9}) EXPECT_TRUE(found(key));
  EXPECT_FALSE(command());
}

TEST_F(FleetTest, AfterARestartAHeartbeatIsEnough) {
  registers();
  reports(0, {1, 2});
  restart();
  EXPECT_FALSE(command());
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
  EXPECT_EQ(location()->sync, SyncState::kInSync);
}

TEST_F(FleetTest, AGapOfAWorkerWithHeartbeatsIsMendedByAFullSyncOfItsOwn) {
  registers();
  registers(101, 1);
  reports(0, {7}, kCpu, 1);
  EXPECT_FALSE(beats());
  reports(0, {1, 2});
  EXPECT_EQ(reports(7, {3}), Reported::kApplied);
  EXPECT_EQ(counts.gaps, 1u);
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_EQ(location(kCpu, 1)->sync, SyncState::kCaughtUp);
  EXPECT_TRUE(found(1));
  EXPECT_TRUE(found(3)) << "what came after it is known at once";
  EXPECT_EQ(command(), Reason::kReportsLost);
  EXPECT_FALSE(command()) << "asked once";
  syncs({2, 3, 4});
  EXPECT_TRUE(isWhole());
  EXPECT_FALSE(found(1));
  EXPECT_TRUE(found(4));
  EXPECT_EQ(reports(8, {5}), Reported::kApplied);
  EXPECT_TRUE(isWhole());
  EXPECT_FALSE(command());
}

TEST_F(FleetTest, AGapWhileTheControllerWasAwayIsSeenByTheNextReport) {
  registers();
  beats();
  reports(0, {1, 2});
  restart();
  reports(5, {3});
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_EQ(command(), Reason::kReportsLost) << "its heartbeats are known only later";
}

TEST_F(FleetTest, WhatIsNotWholeIsSaidToBeUntilAFullSyncOrANewProcessWhateverHappens) {
  registers();
  reports(0, {1, 2});
  reports(5, {3});
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_FALSE(beats(false)) << "no answer, no command";
  restart();
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_EQ(reports(6, {4}), Reported::kApplied);
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_EQ(reports(0, {5}, kDisk), Reported::kApplied) << "which registers it again";
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_TRUE(found(1));
  registers();
  EXPECT_FALSE(found(1));
  reports(0, {6});
  EXPECT_TRUE(isWhole());
}

TEST_F(FleetTest, OnRequestWhatHasMissedReportsLeavesLookUps) {
  options.hideGaps = true;
  start({});
  registers();
  reports(0, {1, 2});
  reports(5, {3});
  EXPECT_FALSE(found(1));
  EXPECT_FALSE(found(3));
  restart();
  reports(6, {4});
  EXPECT_FALSE(found(1));
}

TEST_F(FleetTest, AnotherTierIsNeverAskedForAFullSync) {
  registers();
  beats();
  reports(0, {1}, kDisk);
  reports(9, {2}, kDisk);
  EXPECT_EQ(location(kDisk)->sync, SyncState::kDiverged);
  EXPECT_FALSE(command());
  // Not even when an operator asks for one of everything.
  EXPECT_TRUE(controller->take(input::ForceSync{"i", 0, ""}).ok());
  pass(2'000);
  EXPECT_FALSE(command());
  EXPECT_EQ(controller->registry().repair().tracker().slotsUsed(), 0u);
}

TEST_F(FleetTest, AnOperatorGetsOneOfTheTierThatCan) {
  registers();
  beats();
  reports(0, {1});
  EXPECT_TRUE(controller->take(input::ForceSync{"i", 0, kCpu}).ok());
  EXPECT_EQ(command(), Reason::kForced);
  syncs({1, 5});
  EXPECT_TRUE(found(5));
}

TEST_F(FleetTest, ALocationThatBeginsInTheMiddleIsTakenOnAndDiverged) {
  registers();
  EXPECT_EQ(reports(4, {1, 2}), Reported::kApplied);
  EXPECT_EQ(location()->lastSeq, 6u);
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  EXPECT_TRUE(found(1));
  EXPECT_EQ(command(), Reason::kReportsLost);
}

TEST_F(FleetTest, LateReportsOfAGapAreLeftOut) {
  registers();
  reports(0, {1});
  reports(5, {2});
  EXPECT_EQ(reports(2, {7, 8}), Reported::kDropped);
  EXPECT_EQ(counts.late, 1u);
  EXPECT_EQ(location()->lastSeq, 6u);
  EXPECT_TRUE(found(1));
}

TEST_F(FleetTest, SeqZeroAgainIsAnotherProcessAndTheFormerOnesContentIsForgotten) {
  registers();
  reports(0, {1, 2});
  reports(0, {9}, kDisk);
  const uint64_t run = worker()->record.run;
  EXPECT_EQ(reports(0, {3}), Reported::kApplied);
  EXPECT_NE(worker()->record.run, run);
  EXPECT_TRUE(isWhole());
  EXPECT_FALSE(found(1));
  EXPECT_FALSE(found(9));
  EXPECT_TRUE(found(3));
}

TEST_F(FleetTest, TwoProcessesWithOneIdAreNeverCalledWholeTogether) {
  registers(100);
  reports(0, {1, 2, 3, 4});
  registers(200);
  reports(0, {11});
  reports(4, {5});  // of the first
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  reports(1, {12});
  EXPECT_FALSE(isWhole());
  EXPECT_FALSE(beats(true, 100)) << "not the one that is registered";
  EXPECT_GT(counts.fromOthers, 0u);
  EXPECT_EQ(worker()->record.port, 200u);
}

TEST_F(FleetTest, ARegistrationMovesThePort) {
  registers(100);
  reports(0, {1});
  registers(200);
  EXPECT_EQ(worker()->record.port, 200u);
  EXPECT_FALSE(found(1));
  fleet->deregistered(from(Type::kDeRegister, 100));
  EXPECT_NE(worker(), nullptr) << "that of the process before";
  fleet->deregistered(from(Type::kDeRegister, 200));
  EXPECT_EQ(worker(), nullptr);
}

TEST_F(FleetTest, AHeartbeatOfNobodyRegistersAndAsksForEverythingOnce) {
  EXPECT_EQ(reports(3, {1}), Reported::kDropped);
  EXPECT_EQ(counts.fromNobody, 1u);
  EXPECT_EQ(command(), Reason::kReportsLost);
  EXPECT_EQ(location()->sync, SyncState::kDiverged);
  syncs({1, 2});
  EXPECT_TRUE(isWhole());
  EXPECT_EQ(reports(500, {3}), Reported::kApplied) << "the first number that is seen";
  EXPECT_TRUE(isWhole());
  EXPECT_EQ(location()->count, 3u);
  EXPECT_EQ(counts.gaps, 0u);
  EXPECT_EQ(reports(502, {4}), Reported::kApplied);
  EXPECT_FALSE(isWhole());
}

TEST_F(FleetTest, AWorkerThatWasLostComesBackAsItWas) {
  registers();
  beats();
  reports(0, {1});
  pass(core.registry.lifeCycle.heartbeatTimeoutMs + 2'000);
  EXPECT_EQ(worker()->record.state, WorkerState::kLost);
  EXPECT_FALSE(found(1));
  EXPECT_EQ(reports(1, {2}), Reported::kApplied);
  EXPECT_TRUE(found(1));
  EXPECT_TRUE(isWhole());
}

TEST_F(FleetTest, WithoutHeartbeatsSilenceAloneIsNoReasonToBeLost) {
  registers();
  reports(0, {1});
  pass(10 * core.registry.lifeCycle.heartbeatTimeoutMs);
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
  EXPECT_TRUE(found(1));
}

TEST_F(FleetTest, AWorkerThatAnswersProbesIsThereAndOneThatNoLongerDoesIsNot) {
  registers();
  reports(0, {1});
  restart();
  fleet->probed({"i", 0}, true);
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
  EXPECT_EQ(location()->sync, SyncState::kInSync);
  fleet->probed({"i", 0}, false);
  pass(core.registry.lifeCycle.heartbeatTimeoutMs + 2'000);
  EXPECT_EQ(worker()->record.state, WorkerState::kLost);
  fleet->probed({"i", 0}, true);
  EXPECT_EQ(worker()->record.state, WorkerState::kActive);
}

TEST_F(FleetTest, ModelsAndWorldSizesComeByPattern) {
  options.instances = {{"i*", "", 1}, {"j*", "other", 0}, {"*", "most", 0}};
  start({});
  registers();
  EXPECT_EQ(worker()->record.model, "most");
  EXPECT_EQ(worker()->record.worldSize, 1u);
}

TEST_F(FleetTest, WhatTheStoreCannotTakeIsTriedAgainAndNothingIsLost) {
  registers();
  reports(0, {1});
  store->setFull(true);
  EXPECT_EQ(reports(1, {2}), Reported::kRefused);
  store->setFull(false);
  pass(200);
  EXPECT_EQ(reports(1, {2}), Reported::kApplied);
  EXPECT_TRUE(isWhole());
  EXPECT_EQ(counts.gaps, 0u);
}

TEST_F(FleetTest, AWorkerOfOursIsNotTakenForOne) {
  Registration registration;
  registration.instance = "i";
  registration.run = 7;
  registration.attempt = 1;
  Link link(nullptr);
  ASSERT_TRUE(controller->take(input::Register{registration, link}).ok());
  EXPECT_EQ(reports(0, {1}), Reported::kDropped);
  EXPECT_FALSE(fleet->heartbeat(from(Type::kHeartbeat), true).ok());
  EXPECT_EQ(worker()->record.run, 7u);
}

// Workers with content of their own, losses, new processes, restarts: a location is called whole
// only while it is, and whoever lost nothing is never asked for anything.
TEST_F(FleetTest, WhateverIsCalledWholeIs) {
  test::forRandomSequences(30, [&](test::Random& random) {
    using test::below;
    using test::chance;
    struct Model {
      std::set<ChunkHash> held;
      uint64_t next = 0;
      bool lost = false;
      bool registered = false;
    };
    Model models[3];
    start({});
    for (int step = 0; step < 400; ++step) {
      const auto id = static_cast<uint32_t>(below(random, 3));
      Model& model = models[id];
      const uint64_t what = below(random, 100);
      if (what < 4 || !model.registered) {
        model = {};
        model.registered = true;
        registers(static_cast<uint16_t>(100 + id), id);
      } else if (what < 7) {
        restart();
      } else if (what < 20) {
        Inbound beat = from(Type::kHeartbeat, static_cast<uint16_t>(100 + id), id);
        const auto answer = fleet->heartbeat(beat, true);
        ASSERT_TRUE(answer.ok());
        EXPECT_TRUE(!answer.value().fullSync || model.lost);
        commit();
        controller->take(input::Tick{});
      } else {
        std::vector<ChunkHash> keys;
        for (uint64_t i = 0; i <= below(random, 4); ++i) keys.push_back(below(random, 50));
        for (const ChunkHash key : keys) model.held.insert(key);
        const uint64_t first = std::exchange(model.next, model.next + keys.size());
        if (chance(random, 5)) {
          model.lost = true;
          continue;
        }
        ASSERT_EQ(reports(first, keys, kCpu, id), Reported::kApplied);
        const Location& its = *location(kCpu, id);
        EXPECT_EQ(its.lastSeq, model.next);
        EXPECT_EQ(its.sync == SyncState::kDiverged, model.lost);
        if (model.lost) continue;
        EXPECT_EQ(its.count, model.held.size());
        for (const ChunkHash key : model.held) EXPECT_TRUE(found(key));
      }
    }
  });
}

TEST_F(FleetTest, ACaptureOfItReplaysToTheSame) {
  auto writer = LogWriter::open(LogTest::options());
  const std::string folder = writer.value()->folder();
  recorder->begin(std::move(writer.value()), {.clusterId = "c", .checkpoint = {}, .redact = false});
  registers();
  registers(101, 1);
  beats();
  reports(0, {1, 2});
  reports(0, {5}, kDisk);
  reports(9, {3});
  command();
  syncs({3, 4});
  reports(10, {6});
  reports(0, {8}, kCpu, 1);
  fleet->deregistered(from(Type::kDeRegister, 101, 1));
  pass(1'000);
  const RegistryDigest digest = controller->registry().registryDigest();
  recorder->end(Recorder::End::kSwitchedOff);
  test::RecordedNotices ignored;
  Player player({}, ignored);
  auto log = LogReader::open({folder});
  ASSERT_TRUE(log.ok());
  while (log.value()->next()) {
    const auto why = player.play(log.value()->entry());
    ASSERT_FALSE(why) << *why << testing::PrintToString(player.differences());
  }
  EXPECT_THAT(player.differences(), testing::IsEmpty());
  EXPECT_EQ(player.registry()->registryDigest(), digest);
}

}  // namespace
}  // namespace holdfast::lmcache
