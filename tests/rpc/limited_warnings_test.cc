#include "net/limited_warnings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using Kind = LimitedWarnings::Kind;

class Texts final : public EventSink {
 public:
  void event(Level, const std::string& text) override { texts.push_back(text); }
  std::vector<std::string> texts;
};

TEST(LimitedWarningsTest, TellsHowManyMoreThereWere) {
  Texts events;
  kj::TimerImpl timer(kj::origin<kj::TimePoint>());
  LimitedWarnings warnings(events, timer);
  for (int i = 0; i < 12; ++i) warnings.say(Kind::kClosed, "closed");
  for (int i = 0; i < 5; ++i) warnings.say(Kind::kAccept, "cannot accept");
  EXPECT_EQ(events.texts.size(), 11u) << "each kind has lines of its own";
  EXPECT_EQ(events.texts.back(), "cannot accept");
  events.texts.clear();
  timer.advanceTo(timer.now() + 59 * kj::SECONDS);
  warnings.tick();
  EXPECT_TRUE(events.texts.empty());
  timer.advanceTo(timer.now() + 1 * kj::SECONDS);
  warnings.tick();
  EXPECT_THAT(events.texts,
              ElementsAre("4 more connections could not be accepted in the last minute",
                          "2 more connections were closed for what they sent in the last minute"));
  warnings.tick();
  EXPECT_EQ(events.texts.size(), 2u);
  warnings.say(Kind::kAccept, "again");
  EXPECT_EQ(events.texts.back(), "again");
}

}  // namespace
}  // namespace holdfast::test
