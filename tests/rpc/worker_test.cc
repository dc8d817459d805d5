// Registrations, reports and heartbeats.

#include "core/notice.h"
#include "server_fixture.h"

namespace holdfast::test {
namespace {

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

TEST_F(WorkerTest, AHeartbeatClearsALocationAndConfirmsIt) {
  const auto peer = connect();
  auto session = registerWorker(*peer, registration());
  report(session, "gpu", kIncarnation, 1, {10, 11}).wait(io.waitScope);
  const auto beat = [&] {
    auto request = session.heartbeatRequest();
    auto statement = request.initMessage().initLocations(1)[0];
    statement.setLocation("gpu");
    statement.setIncarnation(kIncarnation + 1);
    statement.setBeganEmpty(true);
    statement.setLastSeq(1);
    statement.setReplayableFrom(2);
    return request.send();
  };
  auto early = beat();
  while (!early.poll(io.waitScope)) {
  }
  const auto first = early.wait(io.waitScope);
  EXPECT_EQ(first.getAnswer().getCommitted()[0].getIncarnation(), kIncarnation + 1);
  EXPECT_EQ(first.getAnswer().getCommitted()[0].getSeq(), 0u) << "not committed yet";
  EXPECT_EQ(first.getAnswer().getDecisions().size(), 0u);
  EXPECT_THAT(lookup(*peer, {10}), IsEmpty());
  commit();
  const auto second = await(beat());
  EXPECT_EQ(second.getAnswer().getCommitted()[0].getSeq(), 1u);
  report(session, "gpu", kIncarnation + 1, 2, {12}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {12}), ElementsAre(Pair("llama", 1)));
  // What comes late of before is dropped.
  report(session, "gpu", kIncarnation, 3, {13}).wait(io.waitScope);
  EXPECT_THAT(lookup(*peer, {13}), IsEmpty());
  EXPECT_EQ(location("llama", 0, "gpu").count, 1u);
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
  const auto dropped = [&]() {
    return notices.count<notice::LocationNotStated>() +
           notices.count<notice::IncarnationNotStated>();
  };
  for (uint64_t i = 1; i <= 20; ++i) {
    report(session, "cpu", kIncarnation, i, {i}).wait(io.waitScope);
    report(session, "gpu", kIncarnation + 1, i, {i}).wait(io.waitScope);
  }
  settle();
  EXPECT_EQ(dropped(), 2u);
  const auto location = notices.last<notice::LocationNotStated>();
  EXPECT_EQ(location.worker.instance, "llama");
  EXPECT_EQ(location.location, "cpu");
  EXPECT_EQ(location.stated, "\"gpu\"");
  const auto incarnation = notices.last<notice::IncarnationNotStated>();
  EXPECT_EQ(incarnation.location.location, "gpu");
  EXPECT_EQ(incarnation.incarnation, 78u);
  EXPECT_EQ(incarnation.stated, 77u);
  // However many there are.
  for (uint64_t i = 1; i <= 20; ++i) {
    report(session, "cpu" + std::to_string(i), kIncarnation, i, {i}).wait(io.waitScope);
  }
  settle();
  EXPECT_EQ(dropped(), kDroppedNoticesMax);
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
  EXPECT_EQ(dropped(), kDroppedNoticesMax + 1);
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

}  // namespace
}  // namespace holdfast::test
