#include "core/ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;

TEST(Ids, TakesWhatPeopleNameThingsWith) {
  for (const std::string id :
       {"llama-0", "team/llama 70b", "\"quoted\" 'ids' \\", "zürich", "模型", "🦙", "\u00A0"}) {
    EXPECT_EQ(invalidId("id", id, 256), std::nullopt) << id;
  }
  EXPECT_EQ(invalidId("id", std::string(256, 'x'), 256), std::nullopt);
}

TEST(Ids, NamesLimitAndValue) {
  EXPECT_THAT(*invalidId("instance id", "", 256), HasSubstr("instance id is empty, 1 to 256"));
  EXPECT_THAT(*invalidId("id", std::string(257, 'x'), 256),
              HasSubstr("257 bytes long, at most 256"));
  EXPECT_EQ(invalidText("model", "", 256), std::nullopt);
}

TEST(Ids, RefusesControlCharacters) {
  using namespace std::string_view_literals;
  for (const auto id : {"a\nb"sv, "a\0b"sv, "\x1b[31m"sv, "\x7f"sv, "\u0085"sv}) {
    EXPECT_THAT(*invalidId("id", id, 256), HasSubstr("control character"));
  }
}

TEST(Ids, RefusesWhatIsNotUtf8) {
  for (const std::string id : {
           "\xff",              // no lead byte
           "a\x80",             // continuation without lead
           "\xc3",              // cut
           "\xc0\xaf",          // overlong
           "\xe0\x80\x80",      // overlong
           "\xf0\x80\x80\x80",  // overlong
           "\xed\xa0\x80",      // surrogate
           "\xf4\x90\x80\x80",  // above U+10FFFF
           "\xe2\x82z",         // cut, then something else
       }) {
    EXPECT_THAT(*invalidId("id", id, 256), HasSubstr("not UTF-8")) << quotedForPeople(id);
  }
}

TEST(Ids, QuotesForTerminals) {
  EXPECT_EQ(quotedForPeople("a\"\n\xff"), "\"a\\\"\\x0a\\xff\"");
  EXPECT_EQ(quotedForPeople("zürich"), "\"zürich\"");
  EXPECT_EQ(quotedForPeople(std::string(100, 'x')), "\"" + std::string(64, 'x') + "...\"");
}

}  // namespace
}  // namespace holdfast
