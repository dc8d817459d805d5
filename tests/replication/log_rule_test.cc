#include "replication/log_rule.h"

#include <gtest/gtest.h>

namespace holdfast::replication {
namespace {

using Kind = RecordHead::Kind;

RecordHead takeOver(uint64_t epoch, uint64_t index) {
  return {Kind::kTakeOver, {epoch, index}};
}
RecordHead frame(uint64_t epoch, uint64_t index) {
  return {Kind::kFrame, {epoch, index}};
}

TEST(LogRuleTest, FramesOfTheEpochCountInARow) {
  LogRule rule;
  EXPECT_FALSE(rule.take(frame(1, 1))) << "nobody leads";
  EXPECT_TRUE(rule.take(takeOver(0, 0)));
  EXPECT_FALSE(rule.take(frame(1, 2))) << "overtook frame 1";
  EXPECT_TRUE(rule.take(frame(1, 1)));
  EXPECT_FALSE(rule.take(frame(1, 1))) << "twice";
  EXPECT_TRUE(rule.take(frame(1, 2)));
  EXPECT_EQ(rule.at(), (LogPoint{1, 2}));
}

TEST(LogRuleTest, ATakeOverCountsFromTheVeryPointThatItsNodeSaw) {
  LogRule rule({1, 5});
  EXPECT_FALSE(rule.take(takeOver(1, 4))) << "a frame came between";
  EXPECT_FALSE(rule.take(takeOver(0, 5)));
  EXPECT_TRUE(rule.take(takeOver(1, 5)));
  EXPECT_FALSE(rule.take(takeOver(1, 5))) << "another node's, from the same point";
  EXPECT_EQ(rule.at(), (LogPoint{2, 5}));
}

TEST(LogRuleTest, ADeposedLeadersRecordsAreVoid) {
  LogRule rule({1, 5});
  ASSERT_TRUE(rule.take(takeOver(1, 5)));
  EXPECT_FALSE(rule.take(frame(1, 6)));
  EXPECT_FALSE(rule.take({Kind::kBeat, {1, 0}}));
  EXPECT_FALSE(rule.take({Kind::kRetire, {1, 0}}));
  EXPECT_TRUE(rule.take(frame(2, 6)));
}

TEST(LogRuleTest, BeatsAndRetirementsMoveNothing) {
  LogRule rule({3, 7});
  EXPECT_TRUE(rule.take({Kind::kBeat, {3, 0}}));
  EXPECT_TRUE(rule.take({Kind::kRetire, {3, 0}}));
  EXPECT_EQ(rule.at(), (LogPoint{3, 7}));
}

// Servers that disagree about the log, or one that was restored: two could lead for ever.
TEST(LogRuleTest, WhatNobodyCanHaveWrittenWhoReadThisLogIsOfAnotherOne) {
  const LogRule rule({3, 7});
  EXPECT_TRUE(rule.isOfAnotherLog({Kind::kBeat, {4, 0}}));
  EXPECT_TRUE(rule.isOfAnotherLog({Kind::kRetire, {4, 0}}));
  EXPECT_TRUE(rule.isOfAnotherLog(frame(4, 8)));
  EXPECT_TRUE(rule.isOfAnotherLog(takeOver(4, 7)));
  EXPECT_TRUE(rule.isOfAnotherLog(takeOver(3, 8)));
  // What merely came late, twice or out of order is void.
  EXPECT_FALSE(rule.isOfAnotherLog(takeOver(3, 7)));
  EXPECT_FALSE(rule.isOfAnotherLog(takeOver(3, 6)));
  EXPECT_FALSE(rule.isOfAnotherLog(takeOver(2, 9)));
  EXPECT_FALSE(rule.isOfAnotherLog(frame(3, 9)));
  EXPECT_FALSE(rule.isOfAnotherLog(frame(2, 8)));
  EXPECT_FALSE(rule.isOfAnotherLog({Kind::kBeat, {2, 0}}));
}

}  // namespace
}  // namespace holdfast::replication
