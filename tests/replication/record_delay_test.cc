// Who is late, whatever the clocks say.
#include "replication/record_delay.h"

#include <gtest/gtest.h>

namespace holdfast::replication {
namespace {

constexpr uint64_t kWall = 1'700'000'000'000;

// A beat a second for so long, each as late as that; the last one's delay.
uint64_t beats(RecordDelay& delay, uint64_t& nowMs, uint64_t seconds, uint64_t aheadMs,
               uint64_t lateMs = 0) {
  uint64_t last = 0;
  for (uint64_t i = 0; i < seconds; ++i) {
    nowMs += 1'000;
    last = delay.of(kWall + aheadMs + nowMs - lateMs, nowMs);
  }
  return last;
}

TEST(RecordDelayTest, WhatWasHeldUpIsAsLateAsItWas) {
  RecordDelay delay;
  uint64_t nowMs = 5'000;
  delay.begin(kWall + nowMs, nowMs);
  EXPECT_EQ(beats(delay, nowMs, 1, 0), 0u);
  EXPECT_EQ(beats(delay, nowMs, 5, 0, 3'000), 3'000u);
  EXPECT_EQ(beats(delay, nowMs, 1, 0, 500), 500u);
  EXPECT_EQ(beats(delay, nowMs, 1, 0), 0u);
}

TEST(RecordDelayTest, TheFirstOneMayBeLateItself) {
  RecordDelay delay;
  uint64_t nowMs = 5'000;
  delay.begin(kWall + nowMs, nowMs);
  EXPECT_EQ(beats(delay, nowMs, 1, 0, 2'000), 2'000u);
}

TEST(RecordDelayTest, AClockThatIsAheadIsKnownAtOnce) {
  RecordDelay delay;
  uint64_t nowMs = 5'000;
  delay.begin(kWall + nowMs, nowMs);
  EXPECT_EQ(beats(delay, nowMs, 1, 3'600'000), 0u);
  EXPECT_EQ(beats(delay, nowMs, 1, 3'600'000, 700), 700u);
}

TEST(RecordDelayTest, AClockThatIsSetBackIsKnownAfterAMinute) {
  RecordDelay delay;
  uint64_t nowMs = 5'000;
  delay.begin(kWall + 10'000 + nowMs, nowMs);
  EXPECT_EQ(beats(delay, nowMs, 40, 10'000), 0u);
  EXPECT_EQ(beats(delay, nowMs, 10, 0), 10'000u) << "too high, and never too low";
  EXPECT_EQ(beats(delay, nowMs, 70, 0), 0u);
}

}  // namespace
}  // namespace holdfast::replication
