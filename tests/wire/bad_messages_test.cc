// What is malformed, damaged, or from a peer that knows more than this program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/wire/random_values.h"
#include "wire/decoded.h"
#include "wire/full_sync.h"
#include "wire/lists.h"
#include "wire/operations.h"
#include "wire/queries.h"
#include "wire/registration.h"
#include "wire/reports.h"

namespace holdfast::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(BadMessagesTest, ReportWithTooFewEvictBits) {
  Arrived<schema::BatchedKVOperationMsg> message([](schema::BatchedKVOperationMsg::Builder to) {
    to.initKeys(9);
    to.initEvicts(1);
  });
  std::vector<uint64_t> scratch;
  const auto report = read(message.get(), scratch);
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kInvalid);
  EXPECT_EQ(report.error().message,
            "report of 9 operations with 1 bytes of evict bits, one bit for each operation is "
            "needed");
}

TEST(BadMessagesTest, BrokenEncoding) {
  Arrived<schema::BatchedKVOperationMsg> whole([](schema::BatchedKVOperationMsg::Builder to) {
    to.setLocation("gpu");
    to.initKeys(1'000);
  });
  std::vector<uint64_t> scratch;
  ASSERT_TRUE(decoded<Report>([&]() { return read(whole.get(), scratch); }).ok());

  // The list goes on behind the end of the message.
  capnp::MallocMessageBuilder builder;
  builder.initRoot<schema::BatchedKVOperationMsg>().initKeys(1'000);
  kj::Array<capnp::word> words = capnp::messageToFlatArray(builder);
  const auto shorter = static_cast<uint32_t>(words.size() - 101);
  std::memcpy(words.asBytes().begin() + 4, &shorter, sizeof shorter);
  capnp::FlatArrayMessageReader cut(words);
  const auto report = decoded<Report>(
      [&]() { return read(cut.getRoot<schema::BatchedKVOperationMsg>(), scratch); });
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(report.error().message, HasSubstr("cannot be decoded"));
}

TEST(BadMessagesTest, OutcomeWithUnknownStatus) {
  Arrived<schema::WorkerOutcomeMsg> message([](schema::WorkerOutcomeMsg::Builder to) {
    to.setStatus(static_cast<schema::WorkerOutcomeMsg::Status>(256));
  });
  const OperationOutcome outcome = read(message.get());
  EXPECT_EQ(outcome.status, OperationOutcome::Status::kFailed);
  EXPECT_EQ(outcome.errorCode, kHealthUnexpected);
}

// 256 must not become 0.
TEST(BadMessagesTest, UnknownEnumerantsStayUnknown) {
  Arrived<schema::RegisterRetMsg> message([](schema::RegisterRetMsg::Builder to) {
    auto decision = to.initDecisions(1)[0];
    decision.setKind(static_cast<schema::DecisionKind>(256));
    decision.setReason(static_cast<schema::Reason>(256));
    to.initHashing().setAlgorithm(static_cast<schema::HashAlgorithm>(256));
  });
  const RegistrationAnswer answer = read(message.get());
  EXPECT_EQ(reasonName(answer.decisions[0].reason), "?");
  EXPECT_NE(answer.decisions[0].kind, DecisionKind::kInSync);
  EXPECT_TRUE(answer.hashing.validate());
}

TEST(BadMessagesTest, NumbersInAWiderEncoding) {
  // A list of structs whose first field is the number is a legal way to write a list of numbers.
  capnp::MallocMessageBuilder message;
  auto digests = message.initRoot<capnp::AnyPointer>().initAs<capnp::List<schema::KeyDigest>>(3);
  for (kj::uint i = 0; i < 3; ++i) digests[i].setA(100 + i);
  const auto wide = message.getRoot<capnp::AnyPointer>().asReader().getAs<capnp::List<uint64_t>>();
  std::vector<uint64_t> scratch;
  const auto numbers = numbersOf<uint64_t>(wide, scratch);
  EXPECT_THAT(std::vector<uint64_t>(numbers.begin(), numbers.end()), ElementsAre(100, 101, 102));
  EXPECT_EQ(numbers.data(), scratch.data());
}

// Reads every message from damaged bytes: an error or some value, and nothing outside of them.
TEST(BadMessagesTest, DamagedBytes) {
  size_t unreadable = 0;
  forRandomSequences(2'000, [&](Random& random) {
    RandomValues values(random);
    capnp::MallocMessageBuilder builder;
    Registration registration;
    registration.instance = values.text();
    registration.locations = values.statements();
    write(registration, builder.initRoot<schema::RegisterMsg>());
    kj::Array<capnp::word> words = capnp::messageToFlatArray(builder);
    kj::ArrayPtr<kj::byte> bytes = words.asBytes().slice(8, words.asBytes().size());
    for (size_t i = 0; i <= values.size(5); ++i) {
      bytes[below(random, bytes.size())] = static_cast<kj::byte>(random());
    }
    const auto tryAs = [&]<typename Message>(const auto& take) {
      const auto taken = decoded<bool>([&]() {
        capnp::FlatArrayMessageReader reader(words);
        take(reader.getRoot<Message>());
        return true;
      });
      if (!taken.ok()) ++unreadable;
    };
    std::vector<uint64_t> scratch;
    const auto plainly = [](auto message) { (void)read(message); };
    const auto withScratch = [&](auto message) { (void)read(message, scratch); };
    tryAs.operator()<schema::RegisterMsg>(plainly);
    tryAs.operator()<schema::RegisterRetMsg>(plainly);
    tryAs.operator()<schema::HeartbeatRetMsg>(plainly);
    tryAs.operator()<schema::FullSyncStartMsg>(plainly);
    tryAs.operator()<schema::FullSyncStartRetMsg>(plainly);
    tryAs.operator()<schema::FullSyncEndMsg>(plainly);
    tryAs.operator()<schema::FullSyncStatusRetMsg>(plainly);
    tryAs.operator()<schema::WorkerOutcomeMsg>(plainly);
    tryAs.operator()<schema::StatusRetMsg>(plainly);
    tryAs.operator()<schema::BatchedKVOperationMsg>(withScratch);
    tryAs.operator()<schema::FullSyncBatchMsg>(withScratch);
    tryAs.operator()<schema::WorkerOperationMsg>(withScratch);
  });
  EXPECT_GT(unreadable, 100);
}

}  // namespace
}  // namespace holdfast::test
