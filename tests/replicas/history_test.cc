// What is held against answers is what was confirmed by then, and not what was only told.
#include "tests/replicas/history.h"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

TEST(HistoryTest, EachKeyBeyondTheCapacityEvictsTheOldest) {
  History history(0, 2);
  EXPECT_EQ(history.take(2).evicts, std::vector<ChunkHash>{});
  const History::Turn turn = history.take(1);
  EXPECT_EQ(turn.admits, std::vector<ChunkHash>{history.key(2)});
  EXPECT_EQ(turn.evicts, std::vector<ChunkHash>{history.key(0)});
  EXPECT_EQ(history.operations(), 4u);
  KeyDigest keys;
  keys.add(history.key(1));
  keys.add(history.key(2));
  RegistryDigest expected;
  expected.addContent("a", 0, "cpu", 2, keys);
  RegistryDigest digest;
  history.addTo(digest, "a", 0, "cpu");
  EXPECT_EQ(digest, expected);
}

TEST(HistoryTest, WhatWasConfirmedByThenMustBeAnswered) {
  History history(0, 10);
  history.take(2);
  history.confirmed(1, 100);
  EXPECT_NE(history.wrong(0, false, 100), "");
  EXPECT_EQ(history.wrong(0, false, 99), "") << "the answer may be so old";
  EXPECT_EQ(history.wrong(1, false, 100), "") << "it was not confirmed";
  EXPECT_EQ(history.wrong(1, true, 100), "");
  history.confirmed(2, 200);
  EXPECT_EQ(history.wrong(1, false, 199), "");
  EXPECT_NE(history.wrong(1, false, 200), "");
}

TEST(HistoryTest, WhatIsBeingEvictedMayBeAnsweredUntilThatIsConfirmed) {
  History history(0, 1);
  history.take(1);
  history.confirmed(1, 100);
  history.take(1);
  EXPECT_EQ(history.wrong(0, true, 300), "");
  EXPECT_EQ(history.wrong(0, false, 300), "");
  history.confirmed(3, 200);
  EXPECT_NE(history.wrong(0, true, 300), "");
  EXPECT_EQ(history.wrong(0, true, 199), "");
}

TEST(HistoryTest, NobodyHoldsWhatWasNeverTold) {
  History history(0, 1);
  history.take(1);
  EXPECT_EQ(history.wrong(1, false, 0), "");
  EXPECT_NE(history.wrong(1, true, 0), "");
}

}  // namespace
}  // namespace holdfast::test
