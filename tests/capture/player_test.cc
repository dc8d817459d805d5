// A core that everything happens to, and what a replay of its log makes of it: the same state,
// decisions and events, every time.
#include "capture/player.h"

#include <gmock/gmock.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "capture/recorder.h"
#include "core/notice.h"
#include "tests/capture/scratch_log.h"
#include "tests/core/random_sequences.h"
#include "tests/support/ignored_link.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

using testing::IsEmpty;

class TestClock final : public Clock {
 public:
  uint64_t steadyMs() const override { return nowMs; }
  uint64_t wallMs() const override { return 1'700'000'000'000 + nowMs + reads++; }
  uint64_t nowMs = 1'000;
  mutable uint64_t reads = 0;  // no two inputs at the same time
};

constexpr uint32_t kWorkers = 5;
const std::vector<std::string> kLocations = {"gpu", "disk"};

// Workers that hold by their protocol most of the time.
class World {
 public:
  explicit World(Random& random) : random_(random) {
    options_.registry.foldFloorOperations = 40;
    options_.registry.lifeCycle.lostGraceMs = 60'000;
    controller_.emplace(
        options_, clock_, store_, [this]() { return random_(); }, notices);
    recorder_.emplace(*controller_, notices);
    for (uint32_t i = 0; i < kWorkers; ++i) workers_[i].world = this;
  }

  void capture(const LogOptions& log, const std::string& checkpoint = {}) {
    auto writer = LogWriter::open(log);
    folder = writer.value()->folder();
    recorder_->begin(std::move(writer.value()),
                     {.clusterId = "c0ffee", .checkpoint = checkpoint, .redact = false});
  }
  // As the daemon does it. What the store holds then.
  MemoryStore::Disk captureUnderWay(const LogOptions& log) {
    store_.setFull(false);
    store_.setHealth({});
    controller_->holdFolds(true);
    do {
      clock_.nowMs += 1'000;
      controller_->take(input::Tick{});
      complete();
      controller_->take(input::StorePolled{});
      controller_->take(input::Work{});
    } while (!controller_->quiet());
    controller_->restart("a capture begins");
    complete();
    capture(log, "checkpoint");
    return store_.afterCrash();
  }

  void step() {
    Worker& worker = workers_[below(random_, kWorkers)];
    const uint64_t what = below(random_, 100);
    if (what < 10) {
      registerWorker(worker);
    } else if (what < 50) {
      report(worker);
    } else if (what < 56) {
      heartbeat(worker);
    } else if (what < 66) {
      sync(worker);
    } else if (what < 68) {
      if (worker.session == kNoSession) return;
      if (chance(random_, 70)) {
        controller_->take(input::ConnectionClosed{worker.session});
      } else {
        controller_->take(input::SessionFailed{worker.session, "it sent a malformed report"});
      }
    } else if (what < 69) {
      (void)controller_->take(input::Deregister{worker.session});
    } else if (what < 72) {
      operate();
    } else if (what < 75) {
      for (const uint64_t number : std::exchange(asked_, {})) {
        controller_->take(
            input::Answered{worker.session, number, {OperationOutcome::Status::kDone, 256, 0, {}}});
      }
    } else if (what < 78) {
      lookUp(keys(4), chance(random_, 50));
      lookUpPeers(worker.session, keys(4));
    } else if (what < 79) {
      (void)controller_->take(input::Drain{"llama", chance(random_, 50)});
      (void)controller_->take(input::ForceSync{"llama", worker.id(), ""});
      if (chance(random_, 20)) (void)controller_->take(input::Forget{"llama", worker.id()});
    } else if (what < 80) {
      store_.setFull(chance(random_, 30));
      if (chance(random_, 20)) store_.setHealth({chance(random_, 70), "no space"});
      controller_->take(input::ReplayRefused{worker.session, "gpu", worker.incarnation});
      if (chance(random_, 10)) {
        const OperationsLost lost{.location = "gpu",
                                  .incarnation = worker.incarnation,
                                  .nextSeq = worker.seqs["gpu"] + 1,
                                  .newIncarnation = worker.incarnation,
                                  .hide = chance(random_, 50),
                                  .fullSync = chance(random_, 50)};
        controller_->take(input::OperationsLost{worker.session, lost});
      }
      if (chance(random_, 20)) {
        const Clear clear{.location = "gpu",
                          .incarnation = worker.incarnation,
                          .seq = ++worker.seqs["gpu"],
                          .position = SourcePosition{below(random_, 9), 7}};
        std::ignore = controller_->take(input::Clear{worker.session, clear});
      }
    } else if (what < 88) {
      while (controller_->take(input::Work{}) && chance(random_, 80)) {
      }
    } else if (what < 92) {
      clock_.nowMs += below(random_, chance(random_, 5) ? 90'000 : 500);
      controller_->take(input::Tick{});
    } else {
      store_.complete(below(random_, 20));
      store_.poll(*controller_);
      controller_->take(input::StorePolled{});
    }
  }
  void end() { recorder_->end(Recorder::End::kProcessEnded); }
  const Registry& registry() const { return controller_->registry(); }

  RecordedNotices notices;
  std::string folder;

 private:
  struct Worker final : WorkerLink {
    void pause(const std::string&) override {}
    void resume() override { wantsSession = true; }
    void replay(const std::string& name, uint64_t, uint64_t from, uint64_t) override {
      seqs[name] = from - 1;
    }
    void startFullSync(const std::string& name, Reason, uint64_t) override { wanted = name; }
    void operate(const WorkerOperation& operation) override {
      world->asked_.push_back(operation.number);
    }
    void superseded(const std::string&) override {}
    void closed(const std::string&) override {}
    uint32_t id() const { return static_cast<uint32_t>(this - world->workers_); }

    World* world = nullptr;
    SessionId session = kNoSession;
    uint64_t run = 0;
    uint64_t attempt = 0;
    uint64_t incarnation = 0;
    bool wantsSession = false;
    std::map<std::string, uint64_t> seqs;
    std::string wanted;  // location of a full sync
    uint64_t syncId = 0;
    std::vector<ChunkHash> syncKeys;
  };

  void complete() {
    store_.complete();
    store_.poll(*controller_);
  }

  // In pieces, with something else in between.
  void lookUp(const std::vector<ChunkHash>& hashes, bool withPins) {
    PromptLookup lookup = controller_->newLookup();
    ASSERT_FALSE(lookup.begin("", hashes, {.withPins = withPins, .spread = random_()}));
    while (!lookup.advance(1)) controller_->take(input::Work{});
    (void)controller_->take(input::LookedUp{lookup, {}});
  }
  void lookUpPeers(SessionId session, const std::vector<ChunkHash>& hashes) {
    PromptLookup lookup = controller_->newLookup();
    if (lookup.beginPeers(session, hashes)) return;
    while (!lookup.advance(1)) controller_->take(input::Work{});
    (void)controller_->take(input::PeersFound{session, lookup});
  }
  std::vector<ChunkHash> keys(size_t count) {
    std::vector<ChunkHash> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(below(random_, 200) * 0x9E3779B97F4A7C15u);
    return keys;
  }

  std::vector<LocationStatement> statements(Worker& worker) {
    std::vector<LocationStatement> statements;
    for (const std::string& name : kLocations) {
      const uint64_t seq = worker.seqs[name];
      statements.push_back({.location = name,
                            .incarnation = worker.incarnation,
                            .beganEmpty = true,
                            .lastSeq = seq,
                            .count = below(random_, 4),
                            .digest = {},
                            .replayableFrom = 1 + below(random_, seq + 1),
                            .syncId = 0});
    }
    return statements;
  }

  // Now and then ranks contradict each other.
  uint32_t statedWorldSize() {
    if (chance(random_, 90)) return 0;
    return chance(random_, 50) ? kWorkers : kWorkers + 3;
  }

  void registerWorker(Worker& worker) {
    if (worker.run == 0 || chance(random_, 30)) {
      worker.run = random_() | 1;
      worker.incarnation = chance(random_, 90) ? random_() | 1 : 0;
      worker.attempt = 0;
      worker.seqs.clear();
    }
    const Registration registration{.instance = "llama",
                                    .worker = worker.id(),
                                    .ip = "10.0.0.1",
                                    .port = 1,
                                    .peerUrl = "url",
                                    .model = chance(random_, 90) ? "" : "another",
                                    .worldSize = statedWorldSize(),
                                    .run = worker.run,
                                    .attempt = ++worker.attempt,
                                    .locations = statements(worker),
                                    .labels = {{"attempt", std::to_string(worker.attempt)}},
                                    .takesTokens = chance(random_, 20),
                                    .pinSecondsMax = chance(random_, 50) ? 30u : 0u};
    const auto outcome = controller_->take(input::Register{registration, worker});
    if (!outcome.ok()) return;
    worker.session = outcome.value().session;
    for (const LocationDecision& decision : outcome.value().decisions) {
      worker.seqs[decision.location] = decision.nextSeq - 1;
    }
  }

  void report(Worker& worker) {
    const std::string& name = kLocations[below(random_, kLocations.size())];
    uint64_t& seq = worker.seqs[name];
    if (chance(random_, 5)) seq += below(random_, 20);           // a gap
    if (chance(random_, 5)) seq -= below(random_, seq + 1) / 2;  // again
    const std::vector<ChunkHash> operations = keys(1 + below(random_, 30));
    const std::vector<uint8_t> evicts(4, static_cast<uint8_t>(random_()));
    const bool admits = chance(random_, 60);
    const Report report{.location = name,
                        .incarnation = worker.incarnation,
                        .firstSeq = chance(random_, 1) ? 0 : seq + 1,
                        .operations = {operations, {admits ? nullptr : evicts.data(), 0}}};
    (void)controller_->take(input::Report{worker.session, report});
    seq += operations.size();
  }

  void heartbeat(Worker& worker) {
    const Load load = chance(random_, 20) ? kLoadUnknown : static_cast<Load>(below(random_, 2'000));
    (void)controller_->take(input::Heartbeat{worker.session, statements(worker), load});
  }

  // A piece of a full sync, most of the time of the one that was asked for.
  void sync(Worker& worker) {
    if (worker.syncId == 0) {
      if (worker.wanted.empty() && chance(random_, 70)) return;
      if (worker.wanted.empty()) worker.wanted = "gpu";
      worker.syncId = random_() | 1;
      worker.syncKeys.clear();
      for (uint64_t i = 0; i < 10; ++i) worker.syncKeys.push_back(i * 77 + below(random_, 70));
    }
    KeyDigest digest;
    for (const ChunkHash key : worker.syncKeys) digest.add(key);
    const FullSyncStart start{.location = worker.wanted,
                              .incarnation = worker.incarnation,
                              .syncId = worker.syncId,
                              .totalKeys = worker.syncKeys.size(),
                              .batchCount = 2,
                              .baseSeq = worker.seqs[worker.wanted],
                              .digest = digest,
                              .lastSeq = worker.seqs[worker.wanted]};
    (void)controller_->take(input::FullSyncStart{worker.session, start});
    const std::span<const ChunkHash> all = worker.syncKeys;
    for (uint32_t i = 0; i < 2; ++i) {
      if (chance(random_, 15)) continue;
      const FullSyncBatch batch{worker.wanted, worker.incarnation, worker.syncId, i,
                                all.subspan(size_t{i} * 5, 5)};
      (void)controller_->take(input::FullSyncBatch{worker.session, batch});
    }
    const FullSyncEnd end{worker.wanted, worker.incarnation, worker.syncId, worker.syncKeys.size()};
    (void)controller_->take(input::FullSyncEnd{worker.session, end});
    const auto status = controller_->take(
        input::FullSyncStatus{worker.session, worker.wanted, worker.incarnation, worker.syncId});
    if (!status.ok() || !status.value().known || status.value().complete) {
      worker.syncId = 0;
      worker.wanted.clear();
    }
  }

  void operate() {
    OperationRequest request;
    request.kind = static_cast<OperationKind>(below(random_, kOperationKinds));
    request.instance = request.toInstance = "llama";
    request.location = request.kind == OperationKind::kHealth ? "" : "gpu";
    request.toLocation = "disk";
    request.method = "zip";
    if (request.kind != OperationKind::kMove) request.toInstance = request.toLocation = "";
    if (request.kind == OperationKind::kPin) request.ttlSeconds = below(random_, 60);
    if (chance(random_, 50)) {
      request.allChunks = false;
      request.chunks = keys(3);
      if (chance(random_, 80)) {
        request.tokens = std::make_shared<const std::vector<uint32_t>>(1 + below(random_, 600));
      }
    }
    (void)controller_->take(input::Operation{request});
  }

  Random& random_;
  ControllerOptions options_;
  TestClock clock_;
  MemoryStore store_;
  std::optional<Controller> controller_;
  std::optional<Recorder> recorder_;
  Worker workers_[kWorkers];
  std::vector<uint64_t> asked_;  // numbers of operations
};

class PlayerTest : public LogTest {};

// What digests do not cover: what workers say of themselves, and what is pinned until when.
std::vector<std::string> saidBy(const Registry& registry) {
  std::vector<std::string> said;
  for (const auto& [name, instance] : registry.tree().instances()) {
    for (const auto& [id, worker] : instance->workers) {
      said.push_back(std::to_string(id) + ": " + std::to_string(worker->load));
      for (const Label& label : worker->record.labels) {
        said.back() += " " + label.key + "=" + label.value;
      }
      for (const auto& location : worker->locations) {
        if (location->pins == nullptr) continue;
        std::map<ChunkHash, uint64_t> ends;
        location->pins->forPlaces(0, location->pins->places(),
                                  [&](ChunkHash chunk, uint32_t group) {
                                    ends[chunk] = location->pins->group(group).record.endMs();
                                  });
        for (const auto& [chunk, end] : ends) {
          said.push_back(std::to_string(chunk) + " until " + std::to_string(end));
        }
      }
    }
  }
  return said;
}

TEST_F(PlayerTest, AReplayIsTheSameEveryTime) {
  Counters seen;
  forRandomSequences(30, [&](Random& random) {
    World world(random);
    world.capture(options());
    for (int i = 0; i < 3000; ++i) world.step();
    world.end();
    const Counters& counters = world.registry().counters();
    seen.foldsCommitted += counters.foldsCommitted;
    seen.fullSyncsCompleted += counters.fullSyncsCompleted;
    seen.replayedOperations += counters.replayedOperations;
    seen.reportsRefused += counters.reportsRefused;
    seen.workersExpired += counters.workersExpired;
    for (int time = 0; time < 2; ++time) {
      RecordedNotices notices;
      Player player({}, notices);
      auto log = LogReader::open({world.folder});
      ASSERT_TRUE(log.ok());
      uint64_t entries = 0;
      while (log.value()->next()) {
        const auto why = player.play(log.value()->entry());
        ASSERT_FALSE(why) << *why << testing::PrintToString(player.differences());
        ++entries;
      }
      EXPECT_GT(entries, 2500u);
      EXPECT_THAT(log.value()->problems(), IsEmpty());
      // The log's last entry has the live core's digests and counters.
      EXPECT_THAT(player.differences(), IsEmpty());
      EXPECT_EQ(player.registry()->registryDigest(), world.registry().registryDigest());
      EXPECT_EQ(named(player.registry()->counters()), named(world.registry().counters()));
      EXPECT_EQ(saidBy(*player.registry()), saidBy(world.registry()));
      EXPECT_EQ(fieldsOf(notices.all), fieldsOf(world.notices.all));
    }
  });
  // The random inputs reach what a replay has to get right.
  EXPECT_GT(seen.foldsCommitted, 0u);
  EXPECT_GT(seen.fullSyncsCompleted, 0u);
  EXPECT_GT(seen.replayedOperations, 0u);
  EXPECT_GT(seen.reportsRefused, 0u);
  EXPECT_GT(seen.workersExpired, 0u);
}

TEST_F(PlayerTest, ALogThatBeginsUnderWayIsReplayedFromItsCheckpoint) {
  uint64_t syncsAbandoned = 0;
  uint64_t foldsCommitted = 0;
  forRandomSequences(30, [&](Random& random) {
    World world(random);
    for (int i = 0; i < 1500; ++i) world.step();
    const uint64_t folds = world.registry().counters().foldsCommitted;
    const MemoryStore::Disk disk = world.captureUnderWay(options());
    syncsAbandoned += world.registry().counters().fullSyncsAbandoned;
    const uint64_t instances = world.registry().tree().instances().size();
    for (int i = 0; i < 1500; ++i) world.step();
    world.end();
    foldsCommitted += world.registry().counters().foldsCommitted - folds;

    RecordedNotices notices;
    Player player({.recovery =
                       [&disk](RecoverySink& sink) {
                         MemoryStore checkpoint(disk);
                         checkpoint.recover(sink);
                       },
                   .into = nullptr,
                   .faulter = nullptr},
                  notices);
    auto log = LogReader::open({world.folder});
    ASSERT_TRUE(log.ok());
    bool begun = false;
    while (log.value()->next()) {
      const auto why = player.play(log.value()->entry());
      ASSERT_FALSE(why) << *why << testing::PrintToString(player.differences());
      if (!std::exchange(begun, true)) {
        EXPECT_EQ(player.registry()->tree().instances().size(), instances);
      }
    }
    EXPECT_THAT(player.differences(), IsEmpty());
    EXPECT_EQ(player.registry()->registryDigest(), world.registry().registryDigest());
    EXPECT_EQ(player.counters(), named(world.registry().counters()));
    EXPECT_EQ(saidBy(*player.registry()), saidBy(world.registry()));
  });
  EXPECT_GT(syncsAbandoned, 0u);
  EXPECT_GT(foldsCommitted, 0u);
}

TEST_F(PlayerTest, ALogWithoutItsBeginningIsRefused) {
  Random random(1);
  World world(random);
  world.capture(options());
  for (int i = 0; i < 100; ++i) world.step();
  world.end();
  RecordedNotices notices;
  Player player({}, notices);
  auto log = LogReader::open({world.folder});
  ASSERT_TRUE(log.ok());
  log.value()->next();  // the start
  log.value()->next();
  const auto why = player.play(log.value()->entry());
  ASSERT_TRUE(why);
  EXPECT_THAT(*why, testing::HasSubstr("does not begin with a start"));
}

TEST_F(PlayerTest, TellsWhereALogIsOfAnotherProgram) {
  Random random(2);
  World world(random);
  world.capture(options());
  for (int i = 0; i < 500; ++i) world.step();
  world.end();
  RecordedNotices notices;
  Player player({}, notices);
  auto log = LogReader::open({world.folder});
  ASSERT_TRUE(log.ok());
  std::optional<std::string> why;
  while (!why && log.value()->next()) {
    // As if that program had taken no notice of registrations.
    if (!log.value()->entry().isRegister()) why = player.play(log.value()->entry());
  }
  EXPECT_TRUE(why);
  EXPECT_THAT(player.differences(), testing::Not(IsEmpty()));
}

TEST_F(PlayerTest, PromptTokensStayOutOfARedactedLog) {
  for (const bool redact : {false, true}) {
    TestClock clock;
    MemoryStore store;
    RecordedNotices notices;
    Controller controller(
        {}, clock, store, []() { return uint64_t{7}; }, notices);
    Recorder recorder(controller, notices);
    auto writer = LogWriter::open(options());
    const std::string folder = writer.value()->folder();
    recorder.begin(std::move(writer.value()),
                   {.clusterId = {}, .checkpoint = {}, .redact = redact});
    const std::vector<ChunkHash> hashes = {1, 2};
    const std::vector<uint32_t> tokens(512, 0x41424344);
    PromptLookup lookup = controller.newLookup();
    EXPECT_FALSE(lookup.begin("", hashes, {}));
    EXPECT_TRUE(controller.advance(lookup));
    (void)controller.take(input::LookedUp{lookup, tokens});
    recorder.end(Recorder::End::kSwitchedOff);
    EXPECT_FALSE(recorder.recording());
    auto log = LogReader::open({folder});
    ASSERT_TRUE(log.ok());
    while (log.value()->next()) {
      const auto entry = log.value()->entry();
      if (!entry.isLookup()) continue;
      EXPECT_EQ(entry.getLookup().getHashes().size(), 2u);
      EXPECT_EQ(entry.getLookup().getTokens().size(), redact ? 0u : 512u);
    }
  }
}

TEST_F(PlayerTest, LookUpsHaveTheSameAnswersInTheSameOrder) {
  TestClock clock;
  MemoryStore store;
  RecordedNotices notices;
  Controller controller(
      {}, clock, store, []() { return uint64_t{7}; }, notices);
  Recorder recorder(controller, notices);
  auto writer = LogWriter::open(options());
  const std::string folder = writer.value()->folder();
  recorder.begin(std::move(writer.value()), {.clusterId = {}, .checkpoint = {}, .redact = false});
  IgnoredLink link;
  const std::vector<ChunkHash> keys = {1, 2};
  for (int i = 0; i < 6; ++i) {
    Registration registration;
    registration.instance = "i" + std::to_string(i);
    registration.run = registration.attempt = 1;
    registration.locations.resize(1);
    registration.locations[0].location = "gpu";
    registration.locations[0].incarnation = 5;
    registration.locations[0].beganEmpty = true;
    const auto registered = controller.take(input::Register{registration, link});
    const SessionId session = registered.value().session;
    (void)controller.take(input::Report{session, {"gpu", 5, 1, {keys, {}}}});
    (void)controller.take(
        input::Heartbeat{session, {}, i < 3 ? kLoadUnknown : static_cast<Load>(i)});
  }
  const auto namesOf = [](std::span<const LookupMatch> matches) {
    std::vector<std::string> names;
    for (const LookupMatch& match : matches) names.emplace_back(match.instance);
    return names;
  };
  std::vector<std::vector<std::string>> live;
  for (uint64_t spread = 0; spread < 20; ++spread) {
    PromptLookup lookup = controller.newLookup();
    ASSERT_FALSE(lookup.begin("", keys, {.spread = spread}));
    ASSERT_TRUE(controller.advance(lookup));
    live.push_back(namesOf(controller.take(input::LookedUp{lookup, {}})));
    ASSERT_EQ(live.back().size(), 6u);
  }
  PromptLookup miss = controller.newLookup();
  ASSERT_FALSE(miss.begin("nobody's", keys, {.hashingRefused = true}));
  ASSERT_TRUE(controller.advance(miss));
  EXPECT_TRUE(controller.take(input::LookedUp{miss, {}}).empty());
  recorder.end(Recorder::End::kSwitchedOff);
  EXPECT_GT(std::set(live.begin(), live.end()).size(), 5u);

  Player player({}, notices);
  auto log = LogReader::open({folder});
  ASSERT_TRUE(log.ok());
  std::vector<std::vector<std::string>> replayed;
  while (log.value()->next()) {
    ASSERT_FALSE(player.play(log.value()->entry()));
    if (log.value()->entry().isLookup()) replayed.push_back(namesOf(player.lastLookup()));
  }
  ASSERT_EQ(replayed.size(), 21u);
  replayed.pop_back();
  EXPECT_EQ(replayed, live);
  EXPECT_THAT(player.differences(), IsEmpty());
  EXPECT_EQ(player.registry()->counters().lookupMissesHashingDiffers, 1u);
}

TEST_F(PlayerTest, ALogThatCannotGoOnEndsWithAWarningAndTheCoreGoesOn) {
  Random random(3);
  LogOptions small = options();
  small.totalBytesMax = 200'000;
  small.fileBytesMax = 50'000;
  World world(random);
  world.capture(small);
  for (int i = 0; i < 5000; ++i) world.step();
  EXPECT_THAT(world.notices.last<notice::CaptureEnded>().reason, testing::StartsWith("the limit"));
  RecordedNotices notices;
  Player player({}, notices);
  auto log = LogReader::open({world.folder});
  ASSERT_TRUE(log.ok());
  bool gaveUp = false;
  while (log.value()->next()) {
    const auto entry = log.value()->entry();
    ASSERT_FALSE(player.play(entry));
    gaveUp = entry.isEnd() && entry.getEnd().getReason() == schema::CaptureEnd::Reason::GAVE_UP;
  }
  EXPECT_TRUE(gaveUp);
  EXPECT_THAT(player.differences(), IsEmpty());
}

}  // namespace
}  // namespace holdfast::test
