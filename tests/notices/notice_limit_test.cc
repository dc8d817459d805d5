// What a log leaves out of a crowd, and that it says so.
#include "notices/notice_limit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace holdfast::test {
namespace {

using notice::RanksAgree;
using notice::WorkerForgotten;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

class NoticeLimitTest : public testing::Test {
 protected:
  // How many of so many are told.
  uint32_t take(uint32_t count, const Notice& notice, uint64_t nowMs) {
    uint32_t told = 0;
    for (uint32_t i = 0; i < count; ++i) told += limit_.take(notice, nowMs) ? 1 : 0;
    return told;
  }
  // What is said to have been left out: kind, count.
  std::vector<std::pair<size_t, uint64_t>> tick(uint64_t nowMs) {
    std::vector<std::pair<size_t, uint64_t>> said;
    limit_.tick(nowMs,
                [&](const notice::NoticesLeftOut& one) { said.emplace_back(one.kind, one.count); });
    return said;
  }

  NoticeLimit limit_;
};

TEST_F(NoticeLimitTest, TellsSoManyOfACrowdAndThenHowManyMoreThereWere) {
  EXPECT_EQ(take(4'096, WorkerForgotten{}, 1'000), NoticeLimit::kMax);
  EXPECT_EQ(take(4, WorkerForgotten{}, 5'000), 0u);
  EXPECT_THAT(tick(10'999), IsEmpty());
  EXPECT_THAT(tick(11'000),
              ElementsAre(Pair(kNoticeKind<WorkerForgotten>, 4'100 - NoticeLimit::kMax)));
  EXPECT_THAT(tick(30'000), IsEmpty()) << "it is said once";
  EXPECT_EQ(take(1, WorkerForgotten{}, 30'000), 1u);
}

TEST_F(NoticeLimitTest, OneKindDoesNotHideAnother) {
  take(4'096, WorkerForgotten{}, 0);
  EXPECT_EQ(take(3, RanksAgree{}, 0), 3u);
  EXPECT_EQ(tick(10'000).size(), 1u);
}

TEST_F(NoticeLimitTest, AnIntervalBeginsWithItsFirstNotice) {
  take(1, WorkerForgotten{}, 0);
  EXPECT_THAT(tick(10'000), IsEmpty());
  take(NoticeLimit::kMax + 1, WorkerForgotten{}, 15'000);
  EXPECT_THAT(tick(24'999), IsEmpty());
  EXPECT_EQ(tick(25'000).size(), 1u);
}

TEST_F(NoticeLimitTest, NothingIsLostAtTheEnd) {
  take(NoticeLimit::kMax + 7, WorkerForgotten{}, 0);
  uint64_t leftOut = 0;
  limit_.finish([&](const notice::NoticesLeftOut& one) { leftOut += one.count; });
  EXPECT_EQ(leftOut, 7u);
}

}  // namespace
}  // namespace holdfast::test
