// Notices as programs read them.
#include "notices/json_members.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

TEST(JsonMembersTest, HasTheKindEachFieldAndTheSentence) {
  EXPECT_EQ(jsonMembersOf(notice::FullSyncBegun{{{"llama", 3}, "gpu"}, true, 2, 8, 500}),
            R"("event":"full_sync_begun","instance":"llama","worker":3,"location":"gpu",)"
            R"("goes_on":true,"missing":2,"batches":8,"keys":500,)"
            R"("message":"instance 'llama' worker 3 location 'gpu': full sync goes on: 2 of 8 )"
            R"(batches to come, 500 keys")");
}

TEST(JsonMembersTest, QuotesAndBytesOfPeersStayInsideTheirStrings) {
  const std::string members =
      jsonMembersOf(notice::RegistrationRefused{{"a\"b\\c\n\xff", 0}, "it is wrong"});
  EXPECT_THAT(members, testing::HasSubstr(R"("instance":"a\"b\\c\\n\\xff",)"));
}

TEST(JsonMembersTest, OtherWritingSystemsStayAsTheyAre) {
  std::string text;
  appendJsonText(text, "ラマ-é");
  EXPECT_EQ(text, "ラマ-é");
}

}  // namespace
}  // namespace holdfast::test
