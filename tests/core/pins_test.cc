// What is remembered as pinned, and what ends it, message by message.
#include <gmock/gmock.h>

#include "tests/core/repair_fixture.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PinsTest : public RepairTest {
 protected:
  // A worker that holds these, by reports.
  SessionId holding(const std::vector<ChunkHash>& keys) {
    const SessionId session = registered(registration("a", 0));
    EXPECT_EQ(send(session, 1, keys), ReportOutcome::kApplied);
    return session;
  }
  void pin(const std::vector<ChunkHash>& chunks, uint64_t expiresMs = 0, const char* event = "e") {
    registry_->pins().record(location(), {event, clock_.nowMs, expiresMs}, chunks);
  }
  ReportOutcome evict(SessionId session, uint64_t firstSeq, std::vector<ChunkHash> keys) {
    const std::vector<uint8_t> bits(keys.size() / 8 + 1, 0xFF);
    return registry_->kv()
        .handleBatchedKvOperations(session,
                                   {"cpu", kIncarnation, firstSeq, {keys, {bits.data(), 0}}})
        .value();
  }
  std::vector<ChunkHash> pinned() {
    std::vector<ChunkHash> chunks;
    const LocationPins* const pins = location().pins.get();
    if (pins != nullptr) {
      pins->forPlaces(0, pins->places(),
                      [&](ChunkHash chunk, uint32_t) { chunks.push_back(chunk); });
    }
    std::sort(chunks.begin(), chunks.end());
    EXPECT_EQ(registry_->tree().pins(), chunks.size());
    return chunks;
  }
  // Chunks of this prefix that a look-up says are pinned.
  uint32_t pinnedPrefix(const std::vector<ChunkHash>& prompt) {
    const auto found = registry_->kv().lookup("", prompt, true).value();
    const uint32_t pinned = found.empty() ? 0 : found[0].pinnedChunks;
    PromptLookup pieces = registry_->kv().newLookup();
    EXPECT_FALSE(pieces.begin("", prompt, {.withPins = true}));
    while (!pieces.advance(1)) {
    }
    EXPECT_EQ(pieces.matches().empty() ? 0 : pieces.matches()[0].pinnedChunks, pinned);
    return pinned;
  }
  // Whether the store has these, and nothing else.
  std::vector<ChunkHash> stored() {
    settle();
    std::vector<ChunkHash> chunks;
    for (const auto& [owner, family] : store_->disk()) {
      for (const auto& [id, data] : family.locations) {
        for (const auto& [chunk, record] : data.pins) chunks.push_back(chunk);
      }
    }
    return chunks;
  }
};

TEST_F(PinsTest, OnlyWhatIsHeldIsRemembered) {
  holding({1, 2, 3});
  pin({2, 9, 1, 2});
  EXPECT_THAT(pinned(), ElementsAre(1, 2));
  EXPECT_THAT(stored(), ElementsAre(1, 2));
}

TEST_F(PinsTest, EndWithTheEvictAndDoNotComeBackWithTheNextAdmit) {
  const SessionId session = holding({1, 2, 3});
  pin({1, 2});
  evict(session, 4, {2, 3});
  EXPECT_THAT(pinned(), ElementsAre(1));
  send(session, 6, {2});
  EXPECT_THAT(pinned(), ElementsAre(1));
  EXPECT_THAT(stored(), ElementsAre(1));
  evict(session, 7, {1});
  EXPECT_THAT(pinned(), IsEmpty());
  EXPECT_EQ(location().pins, nullptr) << "reports pay nothing again";
}

TEST_F(PinsTest, ARestartBetweenTheEndOfAPinAndTheReportLeavesNoPin) {
  const SessionId session = holding({1, 2});
  pin({1, 2});
  settle();
  evict(session, 3, {2});
  send(session, 4, {2});
  store_->complete(1);
  open(store_->afterCrash());
  EXPECT_EQ(location().lastSeq, 2u) << "the evict is not known any more";
  EXPECT_THAT(pinned(), ElementsAre(1));
}

TEST_F(PinsTest, StayOverARestart) {
  holding({1, 2, 3});
  pin({1}, 0, "first");
  pin({2, 3}, clock_.nowMs + 5'000, "second");
  settle();
  restart();
  EXPECT_THAT(pinned(), ElementsAre(1, 2, 3));
  EXPECT_EQ(*location().pins->find(1), (PinRecord{"first", clock_.nowMs, 0}));
  EXPECT_EQ(*location().pins->find(3), (PinRecord{"second", clock_.nowMs, clock_.nowMs + 5'000}));
  clock_.nowMs += 5'000;
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(1));
}

TEST_F(PinsTest, AStartDropsPinsOfWhatIsNotHeld) {
  holding({1});
  pin({1});
  settle();
  MemoryStore::Disk disk = store_->afterCrash();
  for (auto& [owner, family] : disk) {
    for (auto& [id, data] : family.locations) data.pins[7] = {"e", 1, 0};
  }
  open(std::move(disk));
  EXPECT_THAT(pinned(), ElementsAre(1));
  EXPECT_THAT(stored(), ElementsAre(1));
}

TEST_F(PinsTest, EndInTime) {
  holding({1, 2, 3});
  pin({1, 2}, clock_.nowMs + 100);
  pin({2}, clock_.nowMs + 200, "again");
  pin({3});
  clock_.nowMs += 99;
  registry_->tick();
  work();
  EXPECT_EQ(pinnedPrefix({1, 2, 3}), 3u);
  clock_.nowMs += 1;
  EXPECT_EQ(pinnedPrefix({1, 2, 3}), 0u) << "before anything has dropped it";
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(2, 3));
  EXPECT_THAT(stored(), ElementsAre(2, 3));
  pin({1}, clock_.nowMs);
  EXPECT_THAT(pinned(), ElementsAre(2, 3)) << "over before it was recorded";
  // Not while the store cannot write: then it is made up for.
  clock_.nowMs += 100;
  store_->setHealth({false, "full"});
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(2, 3));
  store_->setHealth({});
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(3));
}

TEST_F(PinsTest, EndInTheirTimeWhateverTheWallClockSays) {
  holding({1, 2});
  const auto pinFor = [&](ChunkHash chunk, uint64_t ttlMs) {
    const std::vector<ChunkHash> chunks = {chunk};
    registry_->pins().record(
        location(), {"e", clock_.wallMs(), clock_.wallMs() + ttlMs, clock_.storeMs() + ttlMs},
        chunks);
  };
  pinFor(1, 10'000);
  pinFor(2, 20'000);
  settle();
  clock_.nowMs += 9'999;
  clock_.wallJumpMs = 3'600'000;
  registry_->tick();
  work();
  EXPECT_EQ(pinnedPrefix({1, 2}), 2u);
  restart();
  EXPECT_THAT(pinned(), ElementsAre(1, 2));
  clock_.wallJumpMs = -9'000;
  clock_.nowMs += 1;
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(2));
  clock_.nowMs += 10'000;
  EXPECT_EQ(pinnedPrefix({2}), 0u);
}

TEST_F(PinsTest, PinnedAgainAndAgainTheyLeaveNothingBehind) {
  holding({1, 2});
  for (uint64_t n = 0; n < 1000; ++n) pin({1}, clock_.nowMs + 1'000'000 - n, "renewed");
  pin({2}, clock_.nowMs + 2'000'000, "later");
  EXPECT_EQ(registry_->tree().pinEnds().size(), 1u) << "one for a location";
  clock_.nowMs += 1'000'000;
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), ElementsAre(2));
  EXPECT_EQ(registry_->tree().pinEnds().size(), 1u) << "the one that is left still ends";
  clock_.nowMs += 1'000'000;
  registry_->tick();
  work();
  EXPECT_THAT(pinned(), IsEmpty());
  pin({1}, clock_.nowMs + 1'000);
  ASSERT_TRUE(registry_->operators().forget("a", 0).ok());
  EXPECT_TRUE(registry_->tree().pinEnds().empty());
}

TEST_F(PinsTest, EndWithAnotherProcessButNotWithAnotherConnection) {
  holding({1, 2});
  pin({1, 2});
  registering(stating(2, {1, 2}));
  EXPECT_EQ(decision_.kind, DecisionKind::kInSync);
  EXPECT_THAT(pinned(), ElementsAre(1, 2));
  // The same content in another numbering, of the same process.
  registering(stating(5, {1, 2}, 12));
  EXPECT_EQ(decision_.reason, Reason::kAdopted);
  EXPECT_THAT(pinned(), ElementsAre(1, 2));
  registering(stating(5, {1, 2}, 12), 2);
  EXPECT_EQ(decision_.kind, DecisionKind::kInSync);
  EXPECT_THAT(pinned(), IsEmpty());
  EXPECT_THAT(stored(), IsEmpty());
}

TEST_F(PinsTest, EndWithTheContent) {
  holding({1, 2});
  pin({1, 2});
  registering(stating(9, {5}, 12), 2);
  EXPECT_EQ(decision_.reason, Reason::kRestarted);
  EXPECT_THAT(pinned(), IsEmpty());
  EXPECT_THAT(stored(), IsEmpty());
  pin({1});
  EXPECT_THAT(pinned(), IsEmpty()) << "what is hidden is not what the worker holds";
}

TEST_F(PinsTest, EndWithTheLocationAndWithTheWorker) {
  const SessionId session = holding({1, 2});
  pin({1, 2});
  settle();
  Registration other = registration("a", 0, 1, 2);
  other.locations[0].location = "disk";
  const SessionId next = registered(other);
  EXPECT_EQ(registry_->tree().pins(), 0u);
  EXPECT_THAT(stored(), IsEmpty());
  EXPECT_NE(session, next);
  const std::vector<ChunkHash> keys = {4};
  registry_->kv().handleBatchedKvOperations(next, {"disk", kIncarnation, 1, {keys, {}}}).value();
  pin({4});
  EXPECT_EQ(registry_->tree().pins(), 1u);
  EXPECT_TRUE(registry_->registration().deregister(next).ok());
  EXPECT_EQ(registry_->tree().pins(), 0u);
  EXPECT_THAT(stored(), IsEmpty());
}

// A full sync brings 1 and 3, but not 2.
class PinsOfAFullSync : public PinsTest {
 protected:
  void begin() {
    session_ = holding({1, 2, 3});
    pin({1, 2, 3});
    ASSERT_TRUE(registry_->operators().forceSync("a", 0, "").ok());
    settle();
    registry_->tick();
    ASSERT_TRUE(start(session_, cut(77, {1, 3}, 1, 4)).accepted);
    ASSERT_TRUE(batch(session_, 77, 0, {1, 3}));
  }
  SessionId session_ = kNoSession;
};

TEST_F(PinsOfAFullSync, WhatItDoesNotBringIsNotPinnedAnyMore) {
  begin();
  end(session_, 77, 2);
  settle();
  EXPECT_EQ(pinnedPrefix({1, 3}), 0u) << "not known yet";
  work();
  EXPECT_THAT(pinned(), ElementsAre(1, 3));
  EXPECT_EQ(pinnedPrefix({1, 3}), 2u);
  EXPECT_THAT(stored(), ElementsAre(1, 3));
}

TEST_F(PinsOfAFullSync, AnAdmitRightAfterItDoesNotBringAPinBack) {
  begin();
  end(session_, 77, 2);
  ASSERT_EQ(location().sync, SyncState::kCaughtUp);
  ASSERT_EQ(send(session_, 5, {2, 3}), ReportOutcome::kApplied);
  EXPECT_TRUE(found(2));
  work();
  EXPECT_THAT(pinned(), ElementsAre(1, 3));
}

TEST_F(PinsOfAFullSync, AnEvictThatOnlyTheNewGenerationHearsOfEndsThePin) {
  begin();
  // The live generation waits for operation 4; the new one has it in its cut.
  ASSERT_EQ(evict(session_, 5, {1}), ReportOutcome::kApplied);
  EXPECT_THAT(pinned(), ElementsAre(2, 3));
  ASSERT_EQ(send(session_, 6, {1}), ReportOutcome::kApplied);
  end(session_, 77, 2);
  work();
  EXPECT_TRUE(found(1));
  EXPECT_THAT(pinned(), ElementsAre(3));
}

TEST_F(PinsOfAFullSync, ARestartRightAfterItFindsTheSame) {
  begin();
  end(session_, 77, 2);
  settle();
  restart();
  EXPECT_THAT(pinned(), ElementsAre(1, 3));
}

TEST_F(PinsTest, LookUpsSayHowMuchIsPinnedFromTheFirstChunkOn) {
  Registration message = registration("a", 0);
  message.locations.push_back({"disk", 11, true, 0, 0, {}, 1});
  const SessionId session = registered(message);
  send(session, 1, {1, 2, 3});
  const std::vector<ChunkHash> keys = {2, 3, 4};
  registry_->kv().handleBatchedKvOperations(session, {"disk", 11, 1, {keys, {}}}).value();
  pin({1, 3});
  EXPECT_EQ(pinnedPrefix({1, 2, 3, 4}), 1u);
  Location& disk = *registry_->tree().findWorker("a", 0)->find("disk");
  registry_->pins().record(disk, {"e", 0, 0}, std::vector<ChunkHash>{2, 4});
  EXPECT_EQ(pinnedPrefix({1, 2, 3, 4}), 4u) << "whichever location";
  EXPECT_EQ(pinnedPrefix({1, 2, 3, 4, 5}), 4u);
  const std::vector<ChunkHash> prompt = {1};
  EXPECT_EQ(registry_->kv().lookup("", prompt).value()[0].pinnedChunks, 0u) << "not asked for";
}

TEST_F(PinsTest, ManyEndInBoundedTurns) {
  std::vector<ChunkHash> keys(65'536);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i;
  holding(keys);
  for (size_t from = 0; from < keys.size(); from += Pins::kChunksPerTurn) {
    const auto piece = std::span(keys).subspan(from, Pins::kChunksPerTurn);
    registry_->pins().record(location(), {"e", 0, clock_.nowMs + 1}, piece);
  }
  ASSERT_EQ(registry_->tree().pins(), keys.size());
  clock_.nowMs += 1;
  registry_->tick();
  size_t left = keys.size();
  while (registry_->pins().work()) {
    ASSERT_LE(left - registry_->tree().pins(), Pins::kPlacesPerTurn);
    left = registry_->tree().pins();
  }
  EXPECT_EQ(registry_->tree().pins(), 0u);
}

}  // namespace
}  // namespace holdfast::test
