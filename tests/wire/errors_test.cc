#include "wire/errors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace holdfast::test {
namespace {

// As it arrives after some hops.
kj::Exception arrived(const kj::Exception& thrown, int hops) {
  std::string text(thrown.getDescription().cStr());
  for (int i = 0; i < hops; ++i) text.insert(0, "remote exception: ");
  return {thrown.getType(), __FILE__, __LINE__, kj::heapString(text.data(), text.size())};
}

TEST(WireErrorsTest, EachCodeComesBack) {
  for (const auto& [code, word] : {std::pair{ErrorCode::kInvalid, "invalid: "},
                                   {ErrorCode::kRefused, "refused: "},
                                   {ErrorCode::kSuperseded, "superseded: "},
                                   {ErrorCode::kUnavailable, "unavailable: "},
                                   {ErrorCode::kNotFound, "unknown: "}}) {
    for (int hops = 0; hops < 3; ++hops) {
      const auto error = errorOf(arrived(wireError({code, "say why"}), hops));
      ASSERT_TRUE(error) << word;
      EXPECT_EQ(error->code, code);
      EXPECT_EQ(error->message, std::string(word) + "say why");
    }
  }
}

TEST(WireErrorsTest, OthersAreNone) {
  const kj::Exception other(kj::Exception::Type::FAILED, "", 0, kj::heapString("it is invalid: x"));
  EXPECT_FALSE(errorOf(other));
  EXPECT_FALSE(errorOf(arrived(other, 1)));
  EXPECT_FALSE(descriptionOf(other).remote);
  EXPECT_TRUE(descriptionOf(arrived(other, 1)).remote);
  EXPECT_EQ(descriptionOf(arrived(other, 2)).text, "it is invalid: x");
}

TEST(WireErrorsTest, WorkersThatFailAnOperation) {
  const kj::Exception unknown(kj::Exception::Type::UNIMPLEMENTED, "", 0, kj::heapString("no"));
  EXPECT_EQ(outcomeOf(unknown).errorCode, kHealthUnexpected);
  const OperationOutcome failed = outcomeOf(arrived(wireError({ErrorCode::kInvalid, "x"}), 1));
  EXPECT_EQ(failed.status, OperationOutcome::Status::kFailed);
  EXPECT_EQ(failed.errorCode, kHealthError);
  EXPECT_EQ(failed.error, "invalid: x");
}

}  // namespace
}  // namespace holdfast::test
