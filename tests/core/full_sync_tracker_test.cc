// Whose turn it is to sync, under random inputs, against what must always hold.
#include "core/repair/full_sync_tracker.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/core/random_sequences.h"

namespace holdfast::test {
namespace {

using Phase = FullSyncTracker::Phase;

constexpr FullSyncTracker::Options kOptions{.slots = 3,
                                            .startTimeoutMs = 100,
                                            .inactivityMs = 1'000,
                                            .failuresBeforeBackoff = 3,
                                            .backoffMs = 500,
                                            .backoffMaxMs = 1'500};

bool everyone(uint64_t) {
  return true;
}

TEST(FullSyncTracker, NeverMoreThanItsSlotsAndNobodyIsForgotten) {
  forRandomSequences(2'000, [](Random& random) {
    FullSyncTracker tracker(kOptions);
    std::set<uint64_t> wanted;
    uint64_t now = 1'000;
    for (int step = 0; step < 200; ++step) {
      const uint64_t serial = 1 + below(random, 8);
      switch (below(random, 8)) {
        case 0:
        case 1:
          tracker.want(serial, chance(random, 30));
          wanted.insert(serial);
          break;
        case 2:
          tracker.drop(serial);
          wanted.erase(serial);
          break;
        case 3:
        case 4:
          if (const auto next = tracker.next(now, everyone)) {
            EXPECT_TRUE(wanted.contains(*next));
            EXPECT_EQ(tracker.phase(*next), Phase::kAsked);
          }
          break;
        case 5:
          if (wanted.contains(serial) && tracker.mayStart(serial)) tracker.started(serial, now);
          break;
        case 6:
          now += below(random, 700);
          for (const uint64_t over : tracker.expired(now)) tracker.failed(over, now);
          break;
        case 7:
          if (wanted.contains(serial) && tracker.phase(serial) == Phase::kRunning) {
            tracker.failed(serial, now);
          }
          break;
      }
      uint32_t slots = 0;
      std::map<Phase, uint32_t> phases;
      for (uint64_t s = 1; s <= 8; ++s) {
        const Phase phase = tracker.phase(s);
        ASSERT_EQ(phase != Phase::kNone, wanted.contains(s));
        if (phase == Phase::kAsked || phase == Phase::kRunning) ++slots;
        if (phase != Phase::kNone) ++phases[phase];
      }
      ASSERT_EQ(tracker.slotsUsed(), slots);
      for (size_t i = 0; i < FullSyncTracker::kPhases; ++i) {
        const auto phase = static_cast<Phase>(i);
        ASSERT_EQ(tracker.in(phase), phases[phase]);
      }
      ASSERT_LE(slots, kOptions.slots);
      ASSERT_EQ(tracker.waiting(), wanted.size() - slots);
    }
    // Left alone, everyone gets a slot in time.
    std::set<uint64_t> served;
    for (int i = 0; i < 200 && served.size() < wanted.size(); ++i) {
      now += 100;
      for (const uint64_t over : tracker.expired(now)) tracker.failed(over, now);
      while (const auto next = tracker.next(now, everyone)) served.insert(*next);
      for (uint64_t s = 1; s <= 8; ++s) {
        if (tracker.phase(s) == Phase::kRunning) served.insert(s);
      }
    }
    EXPECT_EQ(served, wanted);
  });
}

TEST(FullSyncTracker, AsksInOrderAndPutsFailuresBehind) {
  FullSyncTracker tracker(kOptions);
  for (uint64_t serial = 1; serial <= 4; ++serial) tracker.want(serial, false);
  tracker.want(9, true);
  EXPECT_EQ(tracker.next(0, everyone), 9u);
  EXPECT_EQ(tracker.next(0, everyone), 1u);
  EXPECT_EQ(tracker.next(0, everyone), 2u);
  EXPECT_EQ(tracker.next(0, everyone), std::nullopt);
  EXPECT_EQ(tracker.queuePosition(4), 1u);
  tracker.failed(1, 0);
  EXPECT_EQ(tracker.queuePosition(1), 2u);
  EXPECT_EQ(tracker.next(0, [](uint64_t serial) { return serial != 3; }), 4u);
}

TEST(FullSyncTracker, BacksOffAfterThreeFailuresInARow) {
  FullSyncTracker tracker(kOptions);
  tracker.want(1, false);
  for (uint32_t failures = 1; failures <= 2; ++failures) {
    ASSERT_EQ(tracker.next(0, everyone), 1u);
    EXPECT_EQ(tracker.failed(1, 0), failures);
    EXPECT_EQ(tracker.phase(1), Phase::kQueued);
  }
  uint64_t now = 0;
  for (const uint64_t waitMs : {500, 1'000, 1'500, 1'500}) {
    ASSERT_EQ(tracker.next(now, everyone), 1u);
    tracker.failed(1, now);
    EXPECT_EQ(tracker.phase(1), Phase::kBackingOff);
    EXPECT_TRUE(tracker.expired(now + waitMs - 1).empty());
    EXPECT_EQ(tracker.phase(1), Phase::kBackingOff);
    now += waitMs;
    EXPECT_TRUE(tracker.expired(now).empty());
    EXPECT_EQ(tracker.phase(1), Phase::kQueued);
  }
}

TEST(FullSyncTracker, ASlotIsFreeAgainWhenTheStartDoesNotComeOrNothingMoreDoes) {
  FullSyncTracker tracker(kOptions);
  tracker.want(1, false);
  tracker.want(2, false);
  ASSERT_EQ(tracker.next(0, everyone), 1u);
  ASSERT_EQ(tracker.next(0, everyone), 2u);
  tracker.started(2, 50);
  EXPECT_TRUE(tracker.expired(99).empty());
  EXPECT_EQ(tracker.expired(100), std::vector<uint64_t>{1});
  tracker.drop(1);
  tracker.active(2, 900);
  EXPECT_TRUE(tracker.expired(1'899).empty());
  EXPECT_EQ(tracker.expired(1'900), std::vector<uint64_t>{2});
}

}  // namespace
}  // namespace holdfast::test
