#include "net/limited_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using Kind = LimitedWarnings::Kind;

class Texts final : public NoticeSink {
 public:
  void notice(Level, const std::string& text) override { texts.push_back(text); }
  std::vector<std::string> texts;
};

TEST(LimitedWarningsTest, TellsHowManyMoreThereWere) {
  Texts notices;
  kj::TimerImpl timer(kj::origin<kj::TimePoint>());
  LimitedWarnings warnings(notices, timer);
  for (int i = 0; i < 12; ++i) warnings.say(Kind::kClosed, "closed");
  for (int i = 0; i < 5; ++i) warnings.say(Kind::kAccept, "cannot accept");
  EXPECT_EQ(notices.texts.size(), 11u) << "each kind has lines of its own";
  EXPECT_EQ(notices.texts.back(), "cannot accept");
  notices.texts.clear();
  timer.advanceTo(timer.now() + 59 * kj::SECONDS);
  warnings.tick();
  EXPECT_TRUE(notices.texts.empty());
  timer.advanceTo(timer.now() + 1 * kj::SECONDS);
  warnings.tick();
  EXPECT_THAT(notices.texts,
              ElementsAre("4 more connections could not be accepted in the last minute",
                          "2 more connections were closed for what they sent in the last minute"));
  warnings.tick();
  EXPECT_EQ(notices.texts.size(), 2u);
  warnings.say(Kind::kAccept, "again");
  EXPECT_EQ(notices.texts.back(), "again");
}

}  // namespace
}  // namespace holdfast::test
