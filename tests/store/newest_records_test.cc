// What must be there after a failure of the disk, while a full sync writes a generation in turns
// with the live one.
#include "store/newest_records.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace holdfast {
namespace {

std::set<std::string> expected(const NewestRecords& records) {
  std::set<std::string> all;
  for (const auto& of : records.generations()) {
    const std::string at = std::to_string(of.location) + "." + std::to_string(of.generation);
    if (of.journal) all.insert(at + " seq " + std::to_string(of.journal->firstSeq));
    if (of.batch) all.insert(at + " batch " + std::to_string(of.batch->number));
  }
  return all;
}
using Set = std::set<std::string>;

class NewestRecordsTest : public testing::Test {
 protected:
  // Location 0: generation 1 is live, 2 is built; location 1 is another.
  NewestRecordsTest() {
    records_.remember(JournalKey{0, 1, 1, 10});
    records_.remember(BatchKey{0, 2, 5});
    records_.remember(JournalKey{0, 2, 0, 101});
    records_.remember(JournalKey{0, 1, 1, 20});
    records_.remember(BatchKey{0, 2, 3});
    records_.remember(JournalKey{1, 1, 1, 1});
  }
  NewestRecords records_;
};

TEST_F(NewestRecordsTest, EachGenerationHasItsOwn) {
  EXPECT_EQ(expected(records_), (Set{"0.1 seq 20", "0.2 seq 101", "0.2 batch 3", "1.1 seq 1"}));
}

TEST_F(NewestRecordsTest, ASwitchKeepsTheNewOne) {
  records_.forget(DropGeneration{0, 0, 1});
  EXPECT_EQ(expected(records_), (Set{"0.2 seq 101", "0.2 batch 3", "1.1 seq 1"}));
}

TEST_F(NewestRecordsTest, AnAbandonedBuildLeavesTheLiveOne) {
  records_.forget(DropGeneration{0, 0, 2});
  EXPECT_EQ(expected(records_), (Set{"0.1 seq 20", "1.1 seq 1"}));
}

TEST_F(NewestRecordsTest, AFoldTakesTheBatchesAndTheJournalBelow) {
  records_.forget(DropFold{0, 0, 2, 0});
  records_.forget(DropJournal{0, 0, 2, 0, 100});
  EXPECT_EQ(expected(records_), (Set{"0.1 seq 20", "0.2 seq 101", "1.1 seq 1"}));
  records_.forget(DropJournal{0, 0, 2, 0, 101});
  records_.forget(DropFold{0, 0, 1, 1});
  EXPECT_EQ(expected(records_), (Set{"0.1 seq 20", "1.1 seq 1"}));
}

TEST_F(NewestRecordsTest, NothingIsExpectedOfWhatIsGone) {
  records_.forget(DropLocation{0, 0});
  EXPECT_EQ(expected(records_), Set{"1.1 seq 1"});
  records_.forget(Release{0});
  EXPECT_EQ(expected(records_), Set{});
}

}  // namespace
}  // namespace holdfast
