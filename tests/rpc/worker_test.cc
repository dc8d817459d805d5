// Registration, reports, heartbeats and the end of sessions, with everything a bad peer may send.

#include <algorithm>

#include "server_fixture.h"

namespace holdfast::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using WorkerTest = ServerTest;

TEST_F(WorkerTest, RegistersAndIsToldTheSettings) {
  const auto peer = connect();
  const auto response = await(registerRequest(*peer, registration()).send());
  const auto answer = response.getAnswer();
  ASSERT_EQ(answer.getDecisions().size(), 1u);
  EXPECT_EQ(viewOf(answer.getDecisions()[0].getLocation()), "gpu");
  EXPECT_EQ(answer.getDecisions()[0].getKind(), schema::DecisionKind::IN_SYNC);
  EXPECT_EQ(answer.getDecisions()[0].getNextSeq(), 1u);
  EXPECT_EQ(answer.getHashing().getChunkSize(), 256u);
  EXPECT_EQ(answer.getHeartbeatIntervalMs(), 5'000u);
  EXPECT_EQ(answer.getHeartbeatTimeoutMs(), 30'000u);
}

TEST_F(WorkerTest, IsAnsweredOnlyWhenTheRegistrationIsCommitted) {
  const auto peer = connect();
  kj::Promise<void> answer = registerRequest(*peer, registration()).send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(answer.poll(io.waitScope));
  ASSERT_GT(store.queued(), 0u);
  await(kj::mv(answer));
}

TEST_F(WorkerTest, ReportsAreSeenByLookUpsAtOnce) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {10, 11, 12}).wait(io.waitScope);
  const std::vector<uint64_t> prompt = {10, 11, 12, 13};
  EXPECT_THAT(lookup(*peer, prompt), ElementsAre(Pair("llama", 3)));
  // The third operation of this report takes 11 away again.
  report(session, "gpu", kIncarnation, 4, {13, 14, 11}, {0b100}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, prompt), ElementsAre(Pair("llama", 1)));
  EXPECT_EQ(location("llama", 0, "gpu").count, 4u);
}

TEST_F(WorkerTest, HeartbeatConfirmsWhatIsCommitted) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {10, 11}).wait(io.waitScope);
  const auto beat = [&](uint64_t lastSeq, uint64_t count, const std::vector<uint64_t>& keys) {
    auto request = session.heartbeatRequest();
    auto statement = request.initMessage().initLocations(1)[0];
    statement.setLocation("gpu");
    statement.setIncarnation(kIncarnation);
    statement.setBeganEmpty(true);
    statement.setLastSeq(lastSeq);
    statement.setCount(count);
    KeyDigest digest;
    for (const uint64_t key : keys) digest.add(key);
    statement.getDigest().setA(digest.a);
    statement.getDigest().setB(digest.b);
    statement.setReplayableFrom(1);
    return request.send();
  };
  // Nothing of the report is committed yet; the promise is polled without committing.
  auto early = beat(2, 2, {10, 11});
  while (!early.poll(io.waitScope)) {
  }
  EXPECT_EQ(early.wait(io.waitScope).getAnswer().getCommitted()[0].getSeq(), 0u);
  commit();
  const auto response = await(beat(2, 2, {10, 11}));
  ASSERT_EQ(response.getAnswer().getCommitted().size(), 1u);
  EXPECT_EQ(response.getAnswer().getCommitted()[0].getSeq(), 2u);
  EXPECT_EQ(response.getAnswer().getCommitted()[0].getIncarnation(), kIncarnation);
  EXPECT_EQ(location("llama", 0, "gpu").sync, SyncState::kInSync);
  // A different content is noticed.
  const auto different = await(beat(2, 2, {10, 99}));
  ASSERT_EQ(different.getAnswer().getDecisions().size(), 1u);
  EXPECT_EQ(different.getAnswer().getDecisions()[0].getKind(), schema::DecisionKind::DIVERGED);
  EXPECT_EQ(different.getAnswer().getDecisions()[0].getReason(), schema::Reason::CONTENT_DIFFERS);
}

TEST_F(WorkerTest, RefusesBadIds) {
  const auto peer = connect();
  const auto errorWith = [&](auto change) {
    Registration changed = registration();
    change(changed);
    return errorOf(registerRequest(*peer, changed).send());
  };
  using R = Registration;
  EXPECT_THAT(errorWith([](R& r) { r.instance = ""; }), HasSubstr("invalid: instance id is empty"));
  EXPECT_THAT(errorWith([](R& r) { r.instance = std::string(257, 'x'); }),
              HasSubstr("257 bytes long, at most 256"));
  EXPECT_THAT(errorWith([](R& r) { r.instance = "a\nb"; }), HasSubstr("control character"));
  EXPECT_THAT(errorWith([](R& r) { r.instance = "\xff\xfe"; }), HasSubstr("not UTF-8"));
  EXPECT_THAT(errorWith([](R& r) { r.locations[0].location = ""; }),
              HasSubstr("location name is empty"));
  EXPECT_THAT(errorWith([](R& r) { r.locations[0].location = std::string(129, 'x'); }),
              HasSubstr("129 bytes long, at most 128"));
  EXPECT_THAT(errorWith([](R& r) { r.locations.push_back(r.locations[0]); }), HasSubstr("twice"));
  EXPECT_THAT(errorWith([](R& r) { r.locations.resize(65, r.locations[0]); }),
              HasSubstr("64 locations, not 65"));
  EXPECT_THAT(errorWith([](R& r) { r.ip = std::string(65, '1'); }), HasSubstr("ip is 65 bytes"));
  EXPECT_THAT(errorWith([](R& r) { r.port = 65'536; }), HasSubstr("port 65536"));
  EXPECT_THAT(errorWith([](R& r) { r.peerUrl = std::string(1025, 'u'); }), HasSubstr("peer URL"));
  EXPECT_THAT(errorWith([](R& r) { r.run = 0; }), HasSubstr("run"));
  EXPECT_THAT(errorWith([](R& r) { r.attempt = 0; }), HasSubstr("attempt"));
  EXPECT_EQ(registry.tree().workers(), 0u);
  EXPECT_EQ(store.committed(), 0u);
}

TEST_F(WorkerTest, TakesSlashesQuotesAndEveryScript) {
  const auto peer = connect();
  const std::string instance = "team/llama \"70b\" 'x' \\ 模型 🦙";
  Registration odd = registration(instance);
  odd.locations[0].location = "disk/\"nvme 0\"";
  auto session = registerWorker(*peer, odd);
  report(session, odd.locations[0].location, kIncarnation, 1, {5}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {5}), ElementsAre(Pair(instance, 1)));
}

TEST_F(WorkerTest, RefusesOtherHashSettings) {
  const auto peer = connect();
  auto request = registerRequest(*peer, registration());
  write(HashSettings{.chunkSize = 16}, request.getInfo().initHashing());
  const std::string error = errorOf(request.send());
  EXPECT_THAT(error, HasSubstr("refused: "));
  EXPECT_THAT(error, HasSubstr("chunk size 16"));
  EXPECT_THAT(error, HasSubstr("chunk size 256"));

  auto unknown = registerRequest(*peer, registration());
  write(HashSettings{}, unknown.getInfo().initHashing());
  unknown.getInfo().getHashing().setAlgorithm(static_cast<schema::HashAlgorithm>(99));
  EXPECT_THAT(errorOf(unknown.send()), HasSubstr("refused: "));

  auto same = registerRequest(*peer, registration());
  write(HashSettings{}, same.getInfo().initHashing());
  await(same.send());
}

// The same settings, and still other hashes: None has an address before Python 3.12, and some
// engines hash two values where others hash three.
TEST_F(WorkerTest, RefusesOtherHashesOfTheSameSettings) {
  const auto peer = connect();
  const auto answer = await(registerRequest(*peer, registration()).send());
  const auto hashing = answer.getAnswer().getHashing();
  ASSERT_TRUE(hashing.getHasSample());
  std::vector<uint32_t> tokens(256);
  for (uint32_t i = 0; i < 256; ++i) tokens[i] = i;
  std::vector<uint64_t> hashes;
  TokenHasher(HashSettings{}).hash(tokens, hashes);
  EXPECT_EQ(hashing.getSample(), hashes.at(0));

  const auto with = [&](uint64_t sample) {
    auto request = registerRequest(*peer, registration("other"));
    auto stated = request.getInfo().initHashing();
    write(HashSettings{}, stated);
    stated.setSample(sample);
    stated.setHasSample(true);
    return request;
  };
  const std::string error = errorOf(with(hashes[0] + 1).send());
  EXPECT_THAT(error, HasSubstr("refused: the worker hashes the tokens 0 to 255 to "));
  EXPECT_THAT(error, HasSubstr("nothing would ever match"));
  EXPECT_EQ(registry.tree().findInstance("other"), nullptr);
  await(with(hashes[0]).send());
}

// --- Reports that no honest client sends: an error, nothing changed, this session is broken ---

class MalformedReport : public WorkerTest {
 protected:
  MalformedReport() : peer_(connect()), session_(registerWorker(*peer_, registration())) {
    report(session_, "gpu", kIncarnation, 1, {1, 2, 3}).wait(io.waitScope);
    settle();
  }
  ~MalformedReport() noexcept override = default;
  // The error that the session's later calls have.
  std::string errorAfter(kj::Promise<void> sent) {
    sent.catch_([](kj::Exception&&) {}).wait(io.waitScope);
    settle();
    EXPECT_EQ(location("llama", 0, "gpu").lastSeq, 3u);
    EXPECT_EQ(location("llama", 0, "gpu").count, 3u);
    return errorOf(session_.heartbeatRequest().send());
  }

  std::unique_ptr<Peer> peer_;
  schema::WorkerSession::Client session_;
};

TEST_F(MalformedReport, SeqZero) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 0, {4})),
              HasSubstr("invalid: malformed report: sequence numbers count from 1"));
  EXPECT_TRUE(logged("malformed report"));
}

TEST_F(MalformedReport, EndsTheSessionWithOneClearErrorAndTheWorkerMayComeBack) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 0, {4})),
              HasSubstr("this session has ended, register again"));
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  EXPECT_TRUE(logged("instance 'llama' worker 0 is LOST: it sent a malformed report: sequence"));
  const size_t said = events.texts.size();
  report(session_, "gpu", kIncarnation, 0, {4}).catch_([](kj::Exception&&) {}).wait(io.waitScope);
  settle();
  EXPECT_EQ(events.texts.size(), said);
  Registration again = registration();
  again.attempt = 2;
  again.locations[0].lastSeq = 3;
  auto session = registerWorker(*peer_, again);
  report(session, "gpu", kIncarnation, 4, {4}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer_, {4}), ElementsAre(Pair("llama", 1)));
  await(session.heartbeatRequest().send());
}

TEST_F(MalformedReport, CannotBeDecoded) {
  auto request = session_.reportRequest();
  auto message = request.initMessage();
  message.setLocation("gpu");
  // A struct where the list of keys belongs.
  capnp::AnyStruct::Builder(capnp::toAny(message))
      .getPointerSection()[1]
      .initAs<schema::LocationStatement>()
      .setLastSeq(1);
  EXPECT_THAT(errorAfter(request.send()),
              HasSubstr("invalid: malformed report: it cannot be decoded; this session has ended"));
}

TEST_F(MalformedReport, OrBatchOfAFullSync) {
  auto start = session_.fullSyncStartRequest();
  auto sync = start.initMessage();
  sync.setLocation("gpu");
  sync.setIncarnation(kIncarnation);
  sync.setSyncId(5);
  sync.setTotalKeys(1);
  sync.setBatchCount(1);
  sync.setBaseSeq(3);
  sync.setLastSeq(3);
  ASSERT_TRUE(await(start.send()).getAnswer().getAccepted());
  auto batch = session_.fullSyncBatchRequest();
  auto keys = batch.initMessage();
  keys.setLocation("gpu");
  keys.setIncarnation(kIncarnation);
  keys.setSyncId(5);
  keys.setBatchId(1);
  keys.initKeys(1);
  EXPECT_THAT(errorAfter(batch.send()), HasSubstr("invalid: malformed batch of a full sync: "));
  EXPECT_TRUE(logged("is LOST: it sent a malformed batch"));
}

TEST_F(MalformedReport, SeqWrapsAround) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, UINT64_MAX, {4, 5})),
              HasSubstr("invalid: "));
}

TEST_F(MalformedReport, NoOperations) {
  EXPECT_THAT(errorAfter(report(session_, "gpu", kIncarnation, 4, {})),
              HasSubstr("at least one operation"));
}

TEST_F(MalformedReport, TooManyOperations) {
  EXPECT_THAT(
      errorAfter(report(session_, "gpu", kIncarnation, 4, std::vector<uint64_t>(65'537, 9))),
      HasSubstr("at most 65536 operations, not 65537"));
}

TEST_F(MalformedReport, TooFewEvictBits) {
  EXPECT_THAT(
      errorAfter(report(session_, "gpu", kIncarnation, 4, std::vector<uint64_t>(9, 9), {1})),
      HasSubstr("1 bytes of evict bits"));
}

TEST_F(MalformedReport, DoesNotTouchOtherSessions) {
  auto other = registerWorker(*peer_, registration("llama", 1));
  errorAfter(report(session_, "gpu", kIncarnation, 0, {4}));
  report(other, "gpu", kIncarnation, 1, {50}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer_, {50}), ElementsAre(Pair("llama", 1)));
}

// --- Reports that the state does not allow: dropped, the session goes on ---

TEST_F(WorkerTest, DropsReportsOfUndeclaredLocationsAndOtherIncarnations) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "cpu", kIncarnation, 1, {1}).wait(io.waitScope);
  report(session, "gpu", kIncarnation + 1, 1, {2}).wait(io.waitScope);
  report(session, std::string(5'000, 'x'), kIncarnation, 1, {3}).wait(io.waitScope);
  report(session, "gpu", kIncarnation, 1, {4}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {1}), IsEmpty());
  EXPECT_THAT(lookup(*peer, {4}), ElementsAre(Pair("llama", 1)));
  EXPECT_EQ(registry.counters().reportsDropped, 3u);
  EXPECT_EQ(registry.counters().reportsNotStated, 2u);
  EXPECT_EQ(registry.counters().reportsOtherIncarnation, 1u);
}

TEST_F(WorkerTest, SaysOnceASessionWhichReportsAreDropped) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  const auto notices = [&]() {
    return std::count_if(events.texts.begin(), events.texts.end(), [](const std::string& text) {
      return text.find("these reports are dropped") != std::string::npos;
    });
  };
  for (uint64_t i = 1; i <= 20; ++i) {
    report(session, "cpu", kIncarnation, i, {i}).wait(io.waitScope);
    report(session, "gpu", kIncarnation + 1, i, {i}).wait(io.waitScope);
  }
  settle();
  EXPECT_EQ(notices(), 2);
  EXPECT_TRUE(
      logged("instance 'llama' worker 0 reports for location \"cpu\", which it did not "
             "state when it registered (it stated \"gpu\")"));
  EXPECT_TRUE(logged("location \"gpu\" in incarnation 78, but it stated 77"));
  // However many there are.
  for (uint64_t i = 1; i <= 20; ++i) {
    report(session, "cpu" + std::to_string(i), kIncarnation, i, {i}).wait(io.waitScope);
  }
  settle();
  EXPECT_EQ(notices(), static_cast<int>(kDroppedNoticesMax));
  // A batch of a full sync is a report, too.
  auto batch = session.fullSyncBatchRequest();
  batch.initMessage().setLocation("cpu");
  batch.getMessage().initKeys(1);
  batch.send().wait(io.waitScope);
  await(session.heartbeatRequest().send());
  EXPECT_EQ(registry.counters().reportsNotStated, 41u);

  Registration again = registration();
  again.attempt = 2;
  auto next = registerWorker(*peer, again);
  report(next, "cpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_EQ(notices(), static_cast<int>(kDroppedNoticesMax) + 1);
}

TEST_F(WorkerTest, IsRefusedWithoutAWorkerCapability) {
  const auto peer = connect();
  auto request = registerRequest(*peer, registration());
  request.disownWorker();
  EXPECT_THAT(errorOf(request.send()), HasSubstr("invalid: the registration has no Worker"));
  EXPECT_EQ(registry.tree().workers(), 0u);
}

TEST_F(WorkerTest, TakesTheLargestReport) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  std::vector<uint64_t> keys(65'536);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i * 7 + 1;
  report(session, "gpu", kIncarnation, 1, keys).wait(io.waitScope);
  settle();
  EXPECT_EQ(location("llama", 0, "gpu").count, keys.size());
}

TEST_F(WorkerTest, ReadsKeysInAWiderEncoding) {
  // A list of structs whose first field is the number is a legal way to write a list of numbers.
  capnp::MallocMessageBuilder message;
  auto digests = message.initRoot<capnp::AnyPointer>().initAs<capnp::List<schema::KeyDigest>>(3);
  for (kj::uint i = 0; i < 3; ++i) digests[i].setA(100 + i);
  const auto wide = message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::List<uint64_t>>();
  std::vector<uint64_t> scratch;
  const auto numbers = numbersOf<uint64_t>(wide, scratch);
  EXPECT_THAT(std::vector<uint64_t>(numbers.begin(), numbers.end()), ElementsAre(100, 101, 102));
}

// --- Identity ---

TEST_F(WorkerTest, SupersededSessionGoesOnWithoutEffect) {
  const auto oldPeer = connect();
  auto old = registerWorker(*oldPeer, registration());
  const auto newPeer = connect();
  Registration newer = registration();
  newer.run = 2;
  newer.locations[0].incarnation = kIncarnation + 1;
  auto current = registerWorker(*newPeer, newer);
  settle();
  EXPECT_THAT(workerCalls, ElementsAre(HasSubstr("superseded: ")));

  report(old, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  report(old, "gpu", kIncarnation + 1, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_THAT(lookup(*newPeer, {1}), IsEmpty());
  EXPECT_THAT(errorOf(old.heartbeatRequest().send()), HasSubstr("superseded: "));
  auto peers = old.p2pLookupRequest();
  peers.initMessage().initHashes(1).set(0, 1);
  EXPECT_THAT(errorOf(peers.send()), HasSubstr("superseded: "));
  await(old.deregisterRequest().send());
  // Neither that nor the end of its connection concerns the worker any more.
  { auto gone = kj::mv(old); }
  report(current, "gpu", kIncarnation + 1, 1, {2}).wait(io.waitScope);
  EXPECT_THAT(lookup(*newPeer, {2}), ElementsAre(Pair("llama", 1)));

  Registration again = registration();
  again.attempt = 2;
  EXPECT_THAT(errorOf(registerRequest(*oldPeer, again).send()), HasSubstr("superseded: "));
}

TEST_F(WorkerTest, DroppedCapabilityIsNoDisconnect) {
  const auto peer = connect();
  { auto session = registerWorker(*peer, registration()); }
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
}

TEST_F(WorkerTest, ClosedConnectionMakesItsWorkersLost) {
  const auto observer = connect();
  {
    const auto peer = connect();
    auto session = registerWorker(*peer, registration());
    auto second = registerWorker(*peer, registration("llama", 1));
    report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
    EXPECT_THAT(lookup(*observer, {1}), ElementsAre(Pair("llama", 1)));
  }
  settle();
  EXPECT_THAT(lookup(*observer, {1}), IsEmpty());
  for (const uint32_t worker : {0u, 1u}) {
    EXPECT_EQ(registry.tree().findWorker("llama", worker)->record.state, WorkerState::kLost);
  }
  EXPECT_EQ(server->services().connections, 1u);
}

TEST_F(WorkerTest, StoppedServerLeavesItsWorkersActive) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  server->stop();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kActive);
}

TEST_F(WorkerTest, SilentWorkersConnectionIsClosed) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  clock.nowMs += 30'001;
  inputs.tick();
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  // Its process lives: it took the call that tells it to register again.
  server->checkConnections();
  settle();
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_EQ(server->services().connections, 1u);
  clock.nowMs += 30'001;
  inputs.tick();
  server->checkConnections();
  settle();
  EXPECT_EQ(server->services().connections, 0u);
  EXPECT_TRUE(logged("nothing received for"));
  EXPECT_NE(errorOf(session.heartbeatRequest().send()), "no error");
}

// Two workers and a router share a connection.
TEST_F(WorkerTest, ATimeOutEndsTheSessionOfThatWorkerAlone) {
  const auto peer = connect();
  auto silent = registerWorker(*peer, registration());
  auto other = registerWorker(*peer, registration("llama", 1));
  report(other, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  clock.nowMs += 20'000;
  inputs.tick();
  await(other.heartbeatRequest().send());
  clock.nowMs += 15'000;
  inputs.tick();
  server->checkConnections();
  settle();
  EXPECT_EQ(registry.tree().findWorker("llama", 0)->record.state, WorkerState::kLost);
  EXPECT_EQ(registry.tree().findWorker("llama", 1)->record.state, WorkerState::kActive);
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_THAT(errorOf(silent.heartbeatRequest().send()), HasSubstr("unavailable: this session"));
  await(other.heartbeatRequest().send());
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
  Registration again = registration();
  again.attempt = 2;
  auto back = registerWorker(*peer, again);
  await(back.heartbeatRequest().send());
  EXPECT_EQ(server->services().connections, 1u);
}

TEST_F(WorkerTest, AnOperatorEndsTheSessionOfThatWorkerAlone) {
  const auto peer = connect();
  auto forgotten = registerWorker(*peer, registration());
  auto other = registerWorker(*peer, registration("llama", 1));
  auto forget = peer->op().forgetRequest();
  forget.initMessage().setInstanceId("llama");
  await(forget.send());
  settle();
  EXPECT_THAT(workerCalls, ElementsAre("resume"));
  EXPECT_THAT(errorOf(forgotten.heartbeatRequest().send()), HasSubstr("unavailable: this session"));
  await(other.heartbeatRequest().send());
  // It is silent no longer than others are.
  server->checkConnections();
  settle();
  EXPECT_EQ(server->services().connections, 1u);
  Registration again = registration();
  again.attempt = 2;
  auto back = registerWorker(*peer, again);
  await(back.heartbeatRequest().send());
}

TEST_F(WorkerTest, RegisteringAgainOnTheSameConnectionKeepsTheNewSession) {
  const auto peer = connect();
  auto first = registerWorker(*peer, registration());
  Registration again = registration();
  again.attempt = 2;
  auto second = registerWorker(*peer, again);
  report(second, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
  EXPECT_THAT(workerCalls, IsEmpty());
}

TEST_F(WorkerTest, DeregistersWhenCommitted) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  kj::Promise<void> answer = session.deregisterRequest().send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(answer.poll(io.waitScope));
  EXPECT_EQ(registry.tree().workers(), 0u);
  await(kj::mv(answer));
  EXPECT_THAT(lookup(*peer, {1}), IsEmpty());
}

TEST_F(WorkerTest, FindsPeersOfItsOwnRank) {
  const auto peer = connect();
  auto asker = registerWorker(*peer, registration("a", 1));
  for (const auto& [instance, worker] :
       std::vector<std::pair<std::string, uint32_t>>{{"b", 1}, {"c", 0}}) {
    auto session = registerWorker(*peer, registration(instance, worker));
    report(session, "gpu", kIncarnation, 1, {1, 2}).wait(io.waitScope);
  }
  auto request = asker.p2pLookupRequest();
  auto hashes = request.initMessage().initHashes(3);
  for (kj::uint i = 0; i < 3; ++i) hashes.set(i, i + 1);
  const auto response = await(request.send());
  const auto found = response.getAnswer().getLayoutInfo();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(viewOf(found[0].getInstanceId()), "b");
  EXPECT_EQ(viewOf(found[0].getPeerInitUrl()), "peer:1");
  EXPECT_EQ(viewOf(found[0].getLocation()), "gpu");
  EXPECT_EQ(found[0].getNumHitChunks(), 2u);
}

// --- A store that cannot write, or is slow ---

TEST_F(WorkerTest, PausesAndResumesWithTheStore) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  store.setHealth({.writable = false, .reason = "no space left on /data; free some"});
  store.poll(registry);
  server->storePolled();
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_THAT(workerCalls, Contains("pause: no space left on /data; free some"));
  EXPECT_THAT(lookup(*peer, {1}), IsEmpty());
  // Heartbeats are answered all the same: nothing hangs behind the refused report.
  await(session.heartbeatRequest().send());
  EXPECT_THAT(errorOf(registerRequest(*peer, registration("other")).send()),
              HasSubstr("unavailable: no space left"));
  const auto status = await(peer->op().statusRequest().send());
  EXPECT_FALSE(status.getAnswer().getStoreWritable());
  EXPECT_EQ(viewOf(status.getAnswer().getStoreReason()), "no space left on /data; free some");

  store.setHealth({});
  store.poll(registry);
  server->storePolled();
  inputs.tick();
  settle();
  EXPECT_THAT(workerCalls, Contains("resume"));
  Registration again = registration();
  again.attempt = 2;
  auto resumed = registerWorker(*peer, again);
  report(resumed, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {1}), ElementsAre(Pair("llama", 1)));
}

TEST_F(WorkerTest, RegistrationFailsIfTheStoreFailsMeanwhile) {
  const auto peer = connect();
  kj::Promise<void> answer = registerRequest(*peer, registration()).send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(answer.poll(io.waitScope));
  store.setHealth({.writable = false, .reason = "disk on fire"});
  store.poll(registry);
  server->storePolled();
  EXPECT_THAT(errorOf(kj::mv(answer)), HasSubstr("unavailable: disk on fire"));
}

TEST_F(WorkerTest, RegistrationOfAConnectionThatEndsMeanwhileIsHarmless) {
  // In every state of the call: not yet read, waiting for its turn, waiting for the store.
  for (int polls = 0; polls < 12; ++polls) {
    auto peer = connect();
    auto gateway = peer->gateway();
    auto request = registerRequest(*peer, registration("short", static_cast<uint32_t>(polls)));
    auto other = registerRequest(*peer, registration("short", static_cast<uint32_t>(polls + 50)));
    auto answer = request.send();
    auto otherAnswer = other.send();
    for (int i = 0; i < polls; ++i) kj::Promise<void>(kj::NEVER_DONE).poll(io.waitScope);
    peer.reset();
    settle();
  }
  EXPECT_EQ(server->services().connections, 0u);
  for (const auto& [id, worker] : registry.tree().findInstance("short")->workers) {
    EXPECT_EQ(worker->record.state, WorkerState::kLost) << id;
  }
}

TEST_F(WorkerTest, ManyRegistrationsAtOnceAreAllAnswered) {
  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<kj::Promise<void>> answers;
  for (uint32_t i = 0; i < 100; ++i) {
    peers.push_back(connect());
    answers.push_back(
        registerRequest(*peers.back(), registration("crowd", i)).send().ignoreResult());
  }
  for (auto& answer : answers) await(kj::mv(answer));
  EXPECT_EQ(registry.tree().workers(), 100u);
}

TEST_F(WorkerTest, UnknownWorkersSessionHasNoEffect) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  await(session.deregisterRequest().send());
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  settle();
  EXPECT_EQ(registry.tree().workers(), 0u);
  EXPECT_THAT(errorOf(session.heartbeatRequest().send()), HasSubstr("unavailable: "));
  auto request = peer->orchestrator().queryWorkersRequest();
  request.initMessage().setInstanceId("llama");
  EXPECT_EQ(await(request.send()).getAnswer().getWorkerInfos().size(), 0u);
}

TEST_F(WorkerTest, HoldsReportsBackWhileTheStoreIsBehind) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  store.setFull(true);
  report(session, "gpu", kIncarnation, 1, {1}).wait(io.waitScope);
  // Calls behind a held report wait with it.
  kj::Promise<void> behind = session.heartbeatRequest().send().ignoreResult();
  for (int i = 0; i < 50; ++i) ASSERT_FALSE(behind.poll(io.waitScope));
  store.setFull(false);
  server->storePolled();
  await(kj::mv(behind));
}

}  // namespace
}  // namespace holdfast::test
