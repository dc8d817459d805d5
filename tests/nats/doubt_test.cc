#include "replication/nats/doubt.h"

#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using replication::nats::Doubt;
using std::chrono::milliseconds;

Doubt::Time at(int ms) {
  return Doubt::Time() + milliseconds(ms);
}

TEST(DoubtTest, AnAnswerIsBelievedWhenItWasGivenOftenAndForLong) {
  Doubt doubt(3, milliseconds(5000));
  EXPECT_FALSE(doubt.again(at(0)));
  EXPECT_FALSE(doubt.again(at(10'000))) << "long, but not often";
  EXPECT_TRUE(doubt.again(at(10'001)));
  EXPECT_TRUE(doubt.again(at(10'002)));
}

TEST(DoubtTest, ManyAnswersAtOnceAreNotBelieved) {
  Doubt doubt(3, milliseconds(5000));
  for (int ms = 100; ms < 5100; ms += 10) EXPECT_FALSE(doubt.again(at(ms)));
  EXPECT_TRUE(doubt.again(at(5100)));
}

TEST(DoubtTest, AnotherAnswerBeginsItAnew) {
  Doubt doubt(2, milliseconds(1000));
  EXPECT_FALSE(doubt.again(at(0)));
  EXPECT_FALSE(doubt.again(at(999)));
  doubt.over();
  EXPECT_FALSE(doubt.again(at(1500)));
  EXPECT_FALSE(doubt.again(at(2499)));
  EXPECT_TRUE(doubt.again(at(2500)));
}

}  // namespace
}  // namespace holdfast::test
