#include "net/limited_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/notice.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::test {
namespace {

TEST(LimitedWarningsTest, TellsHowManyMoreThereWere) {
  RecordedNotices notices;
  kj::TimerImpl timer(kj::origin<kj::TimePoint>());
  LimitedWarnings warnings(notices, timer);
  for (int i = 0; i < 12; ++i) warnings.say(notice::ConnectionClosed{"peer", "closed"});
  for (int i = 0; i < 5; ++i) warnings.say(notice::AcceptFailed{"listener", "no file", 7});
  EXPECT_EQ(notices.all.size(), 11u) << "each kind has lines of its own";
  EXPECT_EQ(notices.last<notice::AcceptFailed>().error, "no file");
  notices.all.clear();
  timer.advanceTo(timer.now() + 59 * kj::SECONDS);
  warnings.tick();
  EXPECT_TRUE(notices.all.empty());
  timer.advanceTo(timer.now() + 1 * kj::SECONDS);
  warnings.tick();
  const auto leftOut = notices.of<notice::ConnectionNoticesLeftOut>();
  ASSERT_EQ(leftOut.size(), 2u);
  EXPECT_EQ(leftOut[0].kind, kNoticeKind<notice::AcceptFailed>);
  EXPECT_EQ(leftOut[0].count, 4u);
  EXPECT_EQ(leftOut[1].kind, kNoticeKind<notice::ConnectionClosed>);
  EXPECT_EQ(leftOut[1].count, 2u);
  warnings.tick();
  EXPECT_EQ(notices.all.size(), 2u);
  warnings.say(notice::AcceptFailed{"listener", "again", 7});
  EXPECT_EQ(notices.last<notice::AcceptFailed>().error, "again");
}

}  // namespace
}  // namespace holdfast::test
