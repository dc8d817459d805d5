// What peers can do to the registry, message by message, and what a store that takes nothing means
// for them.
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

TEST_F(RegistryTest, NothingIsConfirmedBeforeItIsCommitted) {
  const SessionId session = registered(registration("a", 0));
  ASSERT_TRUE(report(session, 1, {1, 2}).ok());
  EXPECT_EQ(registry_->registration().heartbeat(session, {}).value().committed[0].seq, 0u);
  settle();
  EXPECT_EQ(registry_->registration().heartbeat(session, {}).value().committed[0].seq, 2u);
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

}  // namespace
}  // namespace holdfast::test
