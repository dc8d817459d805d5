// Where an instance is reached, and its labels.
#include <gmock/gmock.h>

#include "core/queries/instances.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::Field;

class EndpointsTest : public RegistryTest {
 protected:
  EndpointsTest() {
    options_.lifeCycle.workersMax = 100;
    open({});
  }

  Registration rank(uint32_t worker, uint64_t attempt = 1) {
    Registration message = registration("a", worker, 1, attempt);
    message.ip = "10.0.0." + std::to_string(worker);
    message.port = 8000 + worker;
    message.peerUrl = "peer://" + std::to_string(worker);
    message.labels = {{"rank", std::to_string(worker)}, {"zone", "eu-1a"}};
    return message;
  }
  EndpointRef found() {
    const ChunkHash key = 1;
    const auto matches = registry_->kv().lookup("", {&key, 1}).value();
    EXPECT_EQ(matches.size(), 1u);
    return matches.empty() ? EndpointRef{} : matches[0].endpoint;
  }
  std::vector<queries::InstanceView> instances(const std::string& name = {},
                                               size_t work = SIZE_MAX / 2) {
    std::vector<queries::InstanceView> all;
    queries::InstanceCursor cursor(*registry_, name);
    while (cursor.next(all, work)) {
    }
    return all;
  }
  std::string hidden(const std::string& name = "a") {
    const auto all = instances(name);
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? "" : std::string(instanceHiddenName(all[0].hidden));
  }
};

TEST_F(EndpointsTest, AreThoseOfTheLowestRankThatIsThere) {
  const SessionId first = registered(rank(1));
  ASSERT_TRUE(report(first, 1, {1}).ok());
  const SessionId second = registered(rank(2));
  ASSERT_TRUE(report(second, 1, {1}).ok());
  EXPECT_EQ(found().ip, "10.0.0.1");
  EXPECT_EQ(found().port, 8001u);
  EXPECT_EQ(found().peerUrl, "peer://1");
  EXPECT_THAT(found().labels, ElementsAre(Label{"rank", "1"}, Label{"zone", "eu-1a"}));
  registry_->registration().connectionClosed(first);
  EXPECT_EQ(found().ip, "10.0.0.2");
  EXPECT_THAT(found().labels, ElementsAre(Label{"rank", "2"}, Label{"zone", "eu-1a"}));
  registered(rank(0));
  EXPECT_EQ(found().ip, "10.0.0.0") << "it holds nothing, and is where the engine is";
  registry_->registration().connectionClosed(second);
  ASSERT_TRUE(registry_->operators().forget("a", 0).ok());
  // All are LOST.
  EXPECT_THAT(instances(), ElementsAre(Field(&queries::InstanceView::ip, "10.0.0.1")));
}

TEST_F(EndpointsTest, AreLeftOutWhereTheyAreNotAskedFor) {
  ASSERT_TRUE(report(registered(rank(0)), 1, {1}).ok());
  PromptLookup lookup = registry_->kv().newLookup();
  const ChunkHash key = 1;
  ASSERT_FALSE(lookup.begin("", {&key, 1}, {.withEndpoints = false}));
  lookup.advance();
  EXPECT_TRUE(lookup.matches()[0].endpoint.empty());
}

TEST_F(EndpointsTest, SurviveARestartAndChangeWithARegistration) {
  ASSERT_TRUE(report(registered(rank(0)), 1, {1}).ok());
  settle();
  restart();
  EXPECT_THAT(found().labels, ElementsAre(Label{"rank", "0"}, Label{"zone", "eu-1a"}));
  Registration again = rank(0, 2);
  again.labels = {{"zone", "eu-1b"}};
  again.locations[0] = {"cpu", 11, true, 1, 1, {}, 2};
  again.locations[0].digest.add(1);
  registered(again);
  EXPECT_THAT(found().labels, ElementsAre(Label{"zone", "eu-1b"}));
}

TEST_F(EndpointsTest, LabelsHaveLimits) {
  const auto refused = [&](const std::string& part, Labels labels) {
    Registration message = rank(0);
    message.labels = std::move(labels);
    expectRegistrationRefused(part, message);
  };
  refused("label key is empty", {{"", "x"}});
  refused("label key", {{std::string(64, 'k'), "x"}});
  refused("letters, digits", {{"a key", "x"}});
  refused("letters, digits", {{"schl\xc3\xbcssel", "x"}});
  refused("(key \"k\")", {{"k", std::string(257, 'v')}});
  refused("(key \"k\")", {{"k", "a\nb"}});
  refused("stated twice", {{"k", "1"}, {"l", "1"}, {"k", "2"}});
  Labels many(17);
  for (size_t i = 0; i < many.size(); ++i) many[i].key = "k" + std::to_string(i);
  refused("16 labels, not 17", many);
  refused("1024 bytes in all, not 1028", {{"a", std::string(256, 'v')},
                                          {"b", std::string(256, 'v')},
                                          {"c", std::string(256, 'v')},
                                          {"d", std::string(256, 'v')}});
  Registration fine = rank(0);
  many.pop_back();
  fine.labels = many;
  fine.labels[0] = {"Topology.kubernetes.io/zone_1", "Z\xc3\xbcrich, \"west\""};
  registered(fine);
}

// --- the list of instances ---

TEST_F(EndpointsTest, InstancesAreShownWithTheirRanks) {
  Registration first = rank(0);
  first.worldSize = 3;
  first.model = "llama";
  const SessionId session = registered(first);
  ASSERT_TRUE(report(session, 1, {1, 2}).ok());
  ASSERT_TRUE(registry_->registration().heartbeat(session, {}, 250).ok());
  Registration third = rank(2);
  third.worldSize = 3;
  third.model = "llama";
  registered(third);
  registered(registration("b", 0));
  for (const size_t work : {1u, 2u, 1'000u}) {
    const auto all = instances({}, work);
    ASSERT_EQ(all.size(), 2u);
    const queries::InstanceView& a = all[0];
    EXPECT_EQ(a.instance, "a");
    EXPECT_EQ(a.model, "llama");
    EXPECT_EQ(a.worldSize, 3u);
    EXPECT_EQ(a.missingRanks, "1");
    EXPECT_EQ(a.load, 250u);
    EXPECT_EQ(a.endpoint().port, 8000u);
    ASSERT_EQ(a.ranks.size(), 2u);
    EXPECT_EQ(a.ranks[0].memberships, 2u);
    EXPECT_EQ(a.ranks[0].load, 250u);
    EXPECT_EQ(a.ranks[1].worker, 2u);
    EXPECT_EQ(a.ranks[1].locations, 1u);
    EXPECT_EQ(a.ranks[1].locationsInSync, 1u);
    EXPECT_EQ(a.ranks[1].load, kLoadUnknown);
    EXPECT_EQ(all[1].instance, "b");
    EXPECT_EQ(all[1].model, "default");
  }
  EXPECT_EQ(instances("b").size(), 1u);
  EXPECT_TRUE(instances("nobody").empty());
}

TEST_F(EndpointsTest, InstancesSayWhyLookUpsDoNotNameThem) {
  const SessionId session = registered(rank(0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  EXPECT_EQ(hidden(), "no");
  EXPECT_EQ(registry_->tree().locationsHidden(), 0u);
  ASSERT_TRUE(registry_->operators().drain("a", true).ok());
  EXPECT_EQ(hidden(), "drained");
  EXPECT_EQ(registry_->tree().instancesDrained(), 1u);
  EXPECT_EQ(registry_->tree().locationsHidden(), 1u);
  settle();
  restart();
  EXPECT_EQ(hidden(), "drained");
  EXPECT_EQ(registry_->tree().instancesDrained(), 1u);
  ASSERT_TRUE(registry_->operators().drain("a", false).ok());
  EXPECT_EQ(hidden(), "no");
  // Another process with other content.
  Registration other = registration("a", 0, 2);
  other.locations[0] = {"cpu", 12, false, 5, 5, {}, 6};
  const SessionId diverged = registered(other);
  EXPECT_EQ(hidden(), "diverged");
  EXPECT_EQ(instances()[0].ranks[0].locationsHidden, 1u);
  registered(rank(1));
  EXPECT_EQ(hidden(), "no") << "another rank's content is looked up";
  ASSERT_TRUE(registry_->operators().forget("a", 1).ok());
  registry_->registration().connectionClosed(diverged);
  EXPECT_EQ(hidden(), "lost");
  ASSERT_TRUE(registry_->operators().forget("a", 0).ok());
  EXPECT_EQ(registry_->tree().locationsHidden(), 0u);
}

// --- misses by reason ---

TEST_F(EndpointsTest, MissesAreCountedByReason) {
  const Counters& counters = registry_->counters();
  const ChunkHash one[] = {1};
  const ChunkHash other[] = {9};
  const auto miss = [&](std::span<const ChunkHash> chunks, const char* model = "") {
    EXPECT_TRUE(registry_->kv().lookup(model, chunks).value().empty());
  };
  miss(one);
  EXPECT_EQ(counters.lookupMissesUnknownModel, 1u);
  const SessionId session = registered(rank(0));
  ASSERT_TRUE(report(session, 1, {1}).ok());
  miss(one, "llama");
  EXPECT_EQ(counters.lookupMissesUnknownModel, 2u);
  miss({});
  EXPECT_EQ(counters.lookupMissesNoChunk, 1u);
  miss(other);
  EXPECT_EQ(counters.lookupMissesNotHeld, 1u);
  ASSERT_TRUE(registry_->operators().drain("a", true).ok());
  miss(one);
  EXPECT_EQ(counters.lookupMissesHiddenDrained, 1u);
  ASSERT_TRUE(registry_->operators().drain("a", false).ok());
  registry_->registration().connectionClosed(session);
  miss(one);
  EXPECT_EQ(counters.lookupMissesHiddenLost, 1u);
  Registration restarted = registration("a", 0, 2);
  restarted.locations[0] = {"cpu", 12, false, 5, 5, {}, 6};
  registered(restarted);
  miss(one);
  EXPECT_EQ(counters.lookupMissesHiddenDiverged, 1u);
  PromptLookup lookup = registry_->kv().newLookup();
  ASSERT_FALSE(lookup.begin("llama", one, {.hashingRefused = true}));
  lookup.advance();
  EXPECT_TRUE(registry_->kv().lookedUp(lookup).empty());
  EXPECT_EQ(lookup.miss().miss, LookupMiss::kHashingDiffers);
  EXPECT_EQ(counters.lookupMissesHashingDiffers, 1u);
  // Where there are workers of the model, those that were refused are not why.
  ASSERT_FALSE(lookup.begin("", other, {.hashingRefused = true}));
  lookup.advance();
  registry_->kv().lookedUp(lookup);
  EXPECT_EQ(lookup.miss().miss, LookupMiss::kNotHeld);
  EXPECT_EQ(counters.lookups, 9u);
}

TEST_F(EndpointsTest, AMissSaysHowManyHoldersAreHiddenWhyThere) {
  std::vector<SessionId> sessions;
  for (const char* name : {"a", "b", "c"}) {
    sessions.push_back(registered(registration(name, 0)));
    ASSERT_TRUE(report(sessions.back(), 1, {1}).ok());
  }
  ASSERT_TRUE(registry_->operators().drain("a", true).ok());
  registry_->registration().connectionClosed(sessions[1]);
  registry_->registration().connectionClosed(sessions[2]);
  PromptLookup lookup = registry_->kv().newLookup();
  const ChunkHash key = 1;
  ASSERT_FALSE(lookup.begin("", {&key, 1}, {}));
  lookup.advance();
  ASSERT_TRUE(registry_->kv().lookedUp(lookup).empty());
  EXPECT_EQ(lookup.miss().hidden, (HiddenHolders{.drained = 1, .lost = 2, .diverged = 0}));
  EXPECT_EQ(registry_->counters().lookupMissesHiddenLost, 1u);
}

}  // namespace
}  // namespace holdfast::test
