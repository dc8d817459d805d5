// Answers that the controller writes from what it has and whoever asked reads as values of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/wire/random_values.h"
#include "wire/endpoints.h"
#include "wire/enums.h"
#include "wire/events.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/queries.h"
#include "wire/replica.h"
#include "wire/text.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(AnswersTest, LookUps) {
  forRandomSequences(200, [](Random& random) {
    RandomValues values(random);
    std::vector<std::string> names(20);
    for (std::string& name : names) name = values.text();
    const Labels labels = values.labels();
    std::vector<LookupMatch> matches(values.size(6));
    std::vector<LookupEnds> ends(matches.size());
    for (size_t i = 0; i < matches.size(); ++i) {
      matches[i] = {.instance = names[values.size(19)],
                    .location = names[values.size(19)],
                    .chunks = values.number32(),
                    .allRanksChunks = values.number32(),
                    .pinnedChunks = values.number32(),
                    .unconfirmed = values.flag(),
                    .hits = {},
                    .load = values.flag() ? kLoadUnknown : values.number32() / 2,
                    .endpoint = {}};
      if (values.flag()) {
        matches[i].endpoint = {names[values.size(19)], values.number32(), names[values.size(19)],
                               labels};
      }
      matches[i].hits.resize(values.size(3), {names[values.size(19)], values.number32()});
      ends[i] = {
          .matched = values.number(), .allRanks = values.number(), .pinned = values.number()};
    }
    const std::string message = values.text();
    Arrived<schema::LookupRetMsg> arrived([&](schema::LookupRetMsg::Builder to) {
      auto layouts = to.initLayoutInfo(listSize(matches.size()));
      for (kj::uint i = 0; i < layouts.size(); ++i) write(matches[i], ends[i], layouts[i]);
      writeStamp({.role = ReplicaRole::kLeader, .epoch = 3, .index = 4, .ageMs = 5}, to);
      EXPECT_LE(to.totalSize().wordCount, wordsOf(matches));
      to.setMessage(textOf(message));
    });
    const LookupAnswer answer = read(arrived.get());
    EXPECT_EQ(answer.message, message);
    EXPECT_EQ(answer.role, "leader");
    EXPECT_EQ(answer.epoch, 3u);
    EXPECT_EQ(answer.index, 4u);
    EXPECT_EQ(answer.ageMs, 5u);
    ASSERT_EQ(answer.layouts.size(), matches.size());
    for (size_t i = 0; i < matches.size(); ++i) {
      const InstanceLayout& got = answer.layouts[i];
      EXPECT_EQ(got.instance, matches[i].instance);
      EXPECT_EQ(got.location, matches[i].location);
      EXPECT_EQ(got.matchedEnd, ends[i].matched);
      EXPECT_EQ(got.allRanksEnd, ends[i].allRanks);
      EXPECT_EQ(got.matchedChunks, matches[i].chunks);
      EXPECT_EQ(got.allRanksChunks, matches[i].allRanksChunks);
      EXPECT_EQ(got.pinnedEnd, ends[i].pinned);
      EXPECT_EQ(got.pinnedChunks, matches[i].pinnedChunks);
      EXPECT_EQ(got.unconfirmed, matches[i].unconfirmed);
      EXPECT_EQ(got.load, statedLoad(matches[i].load));
      EXPECT_EQ(got.endpoint.ip, matches[i].endpoint.ip);
      EXPECT_EQ(got.endpoint.port, matches[i].endpoint.port);
      EXPECT_EQ(got.endpoint.peerUrl, matches[i].endpoint.peerUrl);
      EXPECT_EQ(got.endpoint.labels, matches[i].endpoint.empty() ? Labels() : labels);
      ASSERT_EQ(got.hits.size(), matches[i].hits.size());
      for (size_t j = 0; j < got.hits.size(); ++j) {
        EXPECT_EQ(got.hits[j].first, matches[i].hits[j].first);
        EXPECT_EQ(got.hits[j].second, matches[i].hits[j].second);
      }
    }
  });
}

TEST(AnswersTest, LookUpsThatFindNobody) {
  const ExplainedMiss miss{LookupMiss::kHidden, "all are drained", {.drained = 2, .lost = 1}};
  Arrived<schema::LookupRetMsg> arrived([&](schema::LookupRetMsg::Builder to) {
    write(miss, to);
    to.setLeftOut(3);
  });
  const LookupAnswer answer = read(arrived.get());
  EXPECT_EQ(answer.miss, lookupMissName(LookupMiss::kHidden));
  EXPECT_EQ(answer.message, "all are drained");
  EXPECT_EQ(answer.hiddenDrained, 2u);
  EXPECT_EQ(answer.hiddenLost, 1u);
  EXPECT_EQ(answer.hiddenDiverged, 0u);
  EXPECT_EQ(answer.leftOut, 3u);
  for (size_t i = 0; i < kLookupMisses; ++i) {
    EXPECT_EQ(lookupMissName(static_cast<LookupMiss>(i)),
              enumerantName(static_cast<schema::LookupMiss>(i)));
  }
}

TEST(AnswersTest, Loads) {
  EXPECT_EQ(statedLoad(kLoadUnknown), std::nullopt);
  EXPECT_EQ(statedLoad(0), 0.0);
  EXPECT_EQ(statedLoad(1'500), 1.5);
}

TEST(AnswersTest, Instances) {
  Arrived<schema::InstancesRetMsg> arrived([](schema::InstancesRetMsg::Builder to) {
    auto info = to.initInstances(2)[0];
    info.setInstanceId("a");
    info.setModel("m");
    info.setWorldSize(2);
    info.setDrained(true);
    info.setHidden(schema::InstanceHidden::DRAINED);
    info.getEndpoint().setIp("10.0.0.1");
    info.setLoad(250);
    info.setCreatedMs(9);
    info.setContradiction("they differ");
    info.setMissingRanks("1");
    auto rank = info.initRanks(1)[0];
    rank.setWorkerId(3);
    rank.setState(schema::WorkerState::LOST);
    rank.setQuarantined(true);
    rank.setLocations(4);
    rank.setLocationsInSync(2);
    rank.setLocationsHidden(1);
    rank.setMemberships(5);
    rank.setLoad(750);
  });
  const auto instances = read(arrived.get().getInstances());
  ASSERT_EQ(instances.size(), 2u);
  const InstanceView& a = instances[0];
  EXPECT_EQ(a.instance, "a");
  EXPECT_EQ(a.model, "m");
  EXPECT_EQ(a.worldSize, 2u);
  EXPECT_TRUE(a.drained);
  EXPECT_EQ(a.hidden, "drained");
  EXPECT_EQ(a.endpoint.ip, "10.0.0.1");
  EXPECT_EQ(a.load, 0.25);
  EXPECT_EQ(a.createdWallMs, 9u);
  EXPECT_EQ(a.contradiction, "they differ");
  EXPECT_EQ(a.missingRanks, "1");
  ASSERT_EQ(a.ranks.size(), 1u);
  EXPECT_EQ(a.ranks[0].worker, 3u);
  EXPECT_EQ(a.ranks[0].state, "lost");
  EXPECT_TRUE(a.ranks[0].quarantined);
  EXPECT_EQ(a.ranks[0].locations, 4u);
  EXPECT_EQ(a.ranks[0].locationsInSync, 2u);
  EXPECT_EQ(a.ranks[0].locationsHidden, 1u);
  EXPECT_EQ(a.ranks[0].memberships, 5u);
  EXPECT_EQ(a.ranks[0].load, 0.75);
  EXPECT_EQ(instances[1].hidden, "no");
  EXPECT_EQ(instances[1].load, std::nullopt);
  EXPECT_EQ(instances[1].endpoint, Endpoint());
}

TEST(AnswersTest, Peers) {
  forRandomSequences(200, [](Random& random) {
    RandomValues values(random);
    std::vector<std::string> names(20);
    for (std::string& name : names) name = values.text();
    std::vector<PeerMatch> peers(values.size(5));
    for (PeerMatch& peer : peers) {
      peer = {.instance = names[values.size(19)],
              .location = names[values.size(19)],
              .chunks = values.number32(),
              .peerUrl = names[values.size(19)]};
    }
    Arrived<schema::BatchedP2PLookupRetMsg> arrived(
        [&](schema::BatchedP2PLookupRetMsg::Builder to) { write(peers, to); });
    const std::vector<PeerView> got = read(arrived.get());
    ASSERT_EQ(got.size(), peers.size());
    for (size_t i = 0; i < got.size(); ++i) {
      EXPECT_EQ(got[i].instance, peers[i].instance);
      EXPECT_EQ(got[i].location, peers[i].location);
      EXPECT_EQ(got[i].chunks, peers[i].chunks);
      EXPECT_EQ(got[i].peerUrl, peers[i].peerUrl);
    }
  });
}

TEST(AnswersTest, Events) {
  EventRecord event;
  event.id = "e";
  event.number = 7;
  event.kind = OperationKind::kMove;
  event.instance = "a";
  event.location = "gpu";
  event.toInstance = "b";
  event.toLocation = "cpu";
  event.method = "m";
  event.copy = true;
  event.chunks = 3;
  event.ttlSeconds = 4;
  event.createdWallMs = 5;
  event.finishedWallMs = 6;
  event.ranks.resize(2);
  event.ranks[0].status = RankStatus::kDone;
  event.ranks[0].numTokens = 9;
  event.ranks[1].worker = 1;
  event.ranks[1].status = RankStatus::kLost;
  event.ranks[1].errorCode = -3;
  event.ranks[1].error = "gone";
  Arrived<schema::EventInfo> arrived([&](schema::EventInfo::Builder to) { write(event, to); });
  const auto got = arrived.get();
  EXPECT_EQ(viewOf(got.getEventId()), "e");
  EXPECT_EQ(got.getKind(), schema::OperationKind::MOVE);
  EXPECT_EQ(viewOf(got.getInstanceId()), "a");
  EXPECT_EQ(viewOf(got.getLocation()), "gpu");
  EXPECT_EQ(viewOf(got.getNewInstanceId()), "b");
  EXPECT_EQ(viewOf(got.getNewLocation()), "cpu");
  EXPECT_EQ(viewOf(got.getMethod()), "m");
  EXPECT_TRUE(got.getCopy());
  EXPECT_EQ(got.getChunks(), 3);
  EXPECT_EQ(got.getTtlSeconds(), 4);
  EXPECT_EQ(got.getStatus(), schema::EventStatus::FAILED);
  EXPECT_EQ(got.getCreatedMs(), 5);
  EXPECT_EQ(got.getFinishedMs(), 6);
  ASSERT_EQ(got.getRanks().size(), 2);
  EXPECT_EQ(got.getRanks()[0].getStatus(), schema::RankStatus::DONE);
  EXPECT_EQ(got.getRanks()[0].getNumTokens(), 9);
  EXPECT_EQ(got.getRanks()[1].getWorkerId(), 1);
  EXPECT_EQ(got.getRanks()[1].getStatus(), schema::RankStatus::LOST);
  EXPECT_EQ(got.getRanks()[1].getErrorCode(), -3);
  EXPECT_EQ(viewOf(got.getRanks()[1].getError()), "gone");

  Arrived<schema::EventInfo> without(
      [&](schema::EventInfo::Builder to) { write(event, summarise(event), to); });
  EXPECT_FALSE(without.get().hasRanks());
}

TEST(AnswersTest, Workers) {
  Arrived<schema::QueryWorkerInfoRetMsg> arrived([](schema::QueryWorkerInfoRetMsg::Builder to) {
    auto info = to.initWorkerInfos(1)[0];
    info.setInstanceId("a");
    info.setWorkerId(3);
    info.setIp("10.0.0.1");
    info.setPort(99);
    info.setPeerInitUrl("peer:3");
    info.setModel("m");
    info.setState(schema::WorkerState::RECOVERED);
    info.setRegistrationTimeMs(1);
    info.setLastHeartbeatTimeMs(2);
    info.setRun(4);
    info.setAttempt(5);
    info.setQuarantined("damaged");
    info.setDrained(true);
    info.setLoad(500);
    auto label = info.initLabels(1)[0];
    label.setKey("zone");
    label.setValue("west");
    auto location = info.initLocations(1)[0];
    location.setName("gpu");
    location.setSync(schema::SyncState::CAUGHT_UP);
    // From a newer controller.
    location.setReason(static_cast<schema::Reason>(777));
    location.setIncarnation(6);
    location.setLastSeq(7);
    location.setCommittedSeq(8);
    location.setCount(9);
    location.getDigest().setA(10);
    location.getDigest().setB(11);
    location.setHidden(true);
    location.setJournalOperations(12);
  });
  const auto workers = read(arrived.get().getWorkerInfos());
  ASSERT_EQ(workers.size(), 1);
  const WorkerView& worker = workers[0];
  EXPECT_EQ(worker.instance, "a");
  EXPECT_EQ(worker.worker, 3);
  EXPECT_EQ(worker.ip, "10.0.0.1");
  EXPECT_EQ(worker.port, 99);
  EXPECT_EQ(worker.peerUrl, "peer:3");
  EXPECT_EQ(worker.model, "m");
  EXPECT_EQ(worker.state, "recovered");
  EXPECT_EQ(worker.registeredWallMs, 1);
  EXPECT_EQ(worker.lastMessageWallMs, 2);
  EXPECT_EQ(worker.run, 4);
  EXPECT_EQ(worker.attempt, 5);
  EXPECT_EQ(worker.quarantined, "damaged");
  EXPECT_TRUE(worker.drained);
  EXPECT_EQ(worker.load, 0.5);
  EXPECT_THAT(worker.labels, ElementsAre(Label{"zone", "west"}));
  ASSERT_EQ(worker.locations.size(), 1);
  const LocationView& location = worker.locations[0];
  EXPECT_EQ(location.name, "gpu");
  EXPECT_EQ(location.sync, "caughtUp");
  EXPECT_EQ(location.reason, "777");
  EXPECT_EQ(location.incarnation, 6);
  EXPECT_EQ(location.lastSeq, 7);
  EXPECT_EQ(location.committedSeq, 8);
  EXPECT_EQ(location.count, 9);
  EXPECT_EQ(location.digest, (KeyDigest{10, 11}));
  EXPECT_TRUE(location.hidden);
  EXPECT_EQ(location.journalOperations, 12);
}

TEST(AnswersTest, Status) {
  Arrived<schema::StatusRetMsg> arrived([](schema::StatusRetMsg::Builder to) {
    to.setVersion("1.2");
    to.setStoreReason("no space");
    to.setLocationsDiverged(3);
    to.setInstancesDrained(4);
    to.setLocationsHidden(6);
    to.getLookups().setP99Us(7);
    to.getLookupWindow().setP99Us(8);
    to.getLookupWindow().setMaxUs(13);
    auto counter = to.initCounters(1)[0];
    counter.setName("reports");
    counter.setValue(5);
    write({.role = ReplicaRole::kFollower,
           .epoch = 9,
           .index = 10,
           .ageMs = 11,
           .lag = 12,
           .leader = "a:7440",
           .log = "log-1"},
          to.initReplica());
  });
  const ControllerStatus status = read(arrived.get());
  EXPECT_EQ(status.version, "1.2");
  EXPECT_EQ(status.storeReason, "no space");
  EXPECT_FALSE(status.storeWritable);
  EXPECT_EQ(status.locationsDiverged, 3);
  EXPECT_EQ(status.instancesDrained, 4);
  EXPECT_EQ(status.locationsHidden, 6);
  EXPECT_EQ(status.lookupP99Us, 7);
  EXPECT_EQ(status.lookupWindowP99Us, 8);
  EXPECT_EQ(status.lookupWindowMaxUs, 13);
  EXPECT_THAT(status.counters, ElementsAre(Pair("reports", 5)));
  EXPECT_EQ(status.replica.role, "follower");
  EXPECT_FALSE(status.replica.leads());
  EXPECT_EQ(status.replica.epoch, 9);
  EXPECT_EQ(status.replica.index, 10);
  EXPECT_EQ(status.replica.ageMs, 11);
  EXPECT_EQ(status.replica.lag, 12);
  EXPECT_EQ(status.replica.leader, "a:7440");
  EXPECT_EQ(status.replica.log, "log-1");
}

// Who says nothing of groups has none, and who is something that is not known here does not lead.
TEST(AnswersTest, RolesOfOlderAndNewerControllers) {
  Arrived<schema::StatusRetMsg> older([](schema::StatusRetMsg::Builder) {});
  EXPECT_EQ(read(older.get()).replica.role, "alone");
  EXPECT_TRUE(read(older.get()).replica.leads());
  Arrived<schema::StatusRetMsg> newer([](schema::StatusRetMsg::Builder to) {
    to.initReplica().setRole(static_cast<schema::ReplicaRole>(77));
  });
  EXPECT_EQ(read(newer.get()).replica.role, "77");
  EXPECT_FALSE(read(newer.get()).replica.leads());
}

}  // namespace
}  // namespace holdfast::test
