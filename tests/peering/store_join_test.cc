// Whom a new controller asks for a copy, and what it makes of what comes.
#include "peering/store_join.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "core/notice.h"
#include "fake_controller.h"
#include "tests/support/recorded_notices.h"
#include "tests/support/scratch.h"

namespace holdfast::peering {
namespace {

namespace fs = std::filesystem;

using schema::ReplicaRole;
using test::FakeController;
using testing::AllOf;
using testing::HasSubstr;
using Kind = JoinOutcome::Kind;

constexpr uint32_t kFormatMax = 3;

class StoreJoinTest : public testing::Test {
 protected:
  StoreJoinTest() {
    fs::create_directory(target());
    for (const char* name : {"a", "b", "c"}) {
      group_.push_back(std::make_unique<FakeController>(io_, (scratch_.path() / name).string()));
      addresses_.push_back(group_.back()->address());
    }
  }
  ~StoreJoinTest() noexcept override = default;

  fs::path target() const { return scratch_.path() / "data"; }
  JoinOutcome join() {
    StoreOptions directory;
    directory.dataDir = target().string();
    auto into = IncomingCopy::into(directory);
    EXPECT_TRUE(into.ok()) << into.error().message;
    StoreJoin join(io_.provider->getNetwork(), io_.lowLevelProvider->getTimer(), *into.value(),
                   {.controllers = addresses_, .security = security_, .formatMax = kFormatMax},
                   notices_, [](const JoinProgress&) {});
    return join.attempt().wait(io_.waitScope);
  }
  test::FakeState& state(size_t controller) { return group_[controller]->state; }
  std::vector<uint64_t> copies() { return {state(0).copies, state(1).copies, state(2).copies}; }
  bool hasStore() const { return fs::exists(target() / "CURRENT"); }

  kj::AsyncIoContext io_ = kj::setupAsyncIo();
  test::Scratch scratch_;
  test::RecordedNotices notices_;
  ClientSecurity security_;
  std::vector<std::unique_ptr<FakeController>> group_;
  std::vector<std::string> addresses_;
};

TEST_F(StoreJoinTest, AFollowerIsAskedRatherThanTheLeader) {
  state(0).role = ReplicaRole::LEADER;
  EXPECT_EQ(join().kind, Kind::kJoined);
  EXPECT_EQ(copies(), (std::vector<uint64_t>{0, 1, 0})) << "of two followers the one named first";
  EXPECT_TRUE(hasStore());
  std::ifstream in(target() / "000002.sst");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), state(1).files[2].second);
  const auto joined = notices_.last<notice::Joined>();
  EXPECT_EQ(joined.from, addresses_[1]);
  EXPECT_EQ(joined.files, 3u);
  EXPECT_EQ(joined.sequence, 99u);
}

TEST_F(StoreJoinTest, TheLeaderIsAskedWhereNobodyElseIsThere) {
  state(0).role = ReplicaRole::BOOTSTRAPPING;
  state(1).role = ReplicaRole::LEADER;
  addresses_[2] = "unix:" + (scratch_.path() / "nobody").string();
  EXPECT_EQ(join().kind, Kind::kJoined);
  EXPECT_EQ(copies(), (std::vector<uint64_t>{0, 1, 0}));
}

TEST_F(StoreJoinTest, WhoIsBusyOrBreaksOffIsPassedOver) {
  state(0).refusal = Error{ErrorCode::kUnavailable, "this controller gives 2 copies already"};
  state(1).readsMax = 1;
  EXPECT_EQ(join().kind, Kind::kJoined);
  EXPECT_EQ(copies(), (std::vector<uint64_t>{0, 1, 1}));
  EXPECT_EQ(notices_.last<notice::JoinFailed>().from, addresses_[1]);
  EXPECT_THAT(notices_.last<notice::JoinFailed>().error, HasSubstr("this copy was given up"));
}

TEST_F(StoreJoinTest, ATornFileIsNotTaken) {
  for (size_t controller = 0; controller < 3; ++controller) state(controller).torn = 2;
  const JoinOutcome torn = join();
  EXPECT_EQ(torn.kind, Kind::kLater);
  EXPECT_THAT(torn.why,
              HasSubstr(addresses_[0] + ": invalid: its file 000002.sst has the checksum"));
  EXPECT_FALSE(hasStore());
  state(2).torn.reset();
  EXPECT_EQ(join().kind, Kind::kJoined);
  EXPECT_TRUE(hasStore());
}

TEST_F(StoreJoinTest, NamesThatLeadElsewhereAreNotTaken) {
  addresses_.resize(1);
  state(0).files.push_back({"../000003.sst", "x"});
  const JoinOutcome outcome = join();
  EXPECT_EQ(outcome.kind, Kind::kLater);
  EXPECT_THAT(outcome.why, HasSubstr("its list of files is none of a store"));
  EXPECT_FALSE(fs::exists(scratch_.path() / "000003.sst"));
}

// What waiting does not mend.
TEST_F(StoreJoinTest, WhatEverybodyRefusesEndsIt) {
  security_.token = "mine";
  state(0).greeting = Error{ErrorCode::kUnauthenticated, "not in this controller's token file"};
  state(1).refusal = Error{ErrorCode::kDenied, "the role viewer does not include copies"};
  state(2).role = ReplicaRole::ALONE;
  const JoinOutcome outcome = join();
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_THAT(outcome.why, AllOf(HasSubstr(addresses_[0] + ": unauthenticated: not in"),
                                 HasSubstr(addresses_[1] + ": denied: the role viewer"),
                                 HasSubstr(addresses_[2] + ": it is of no group")));
  EXPECT_EQ(state(1).token, "mine");

  addresses_.push_back("unix:" + (scratch_.path() / "nobody").string());
  EXPECT_EQ(join().kind, Kind::kLater) << "that one may come, and give one";
}

TEST_F(StoreJoinTest, AStoreOfANewerProgramIsNotTaken) {
  addresses_.resize(1);
  state(0).format = kFormatMax + 1;
  const JoinOutcome outcome = join();
  EXPECT_EQ(outcome.kind, Kind::kRefused);
  EXPECT_THAT(outcome.why, HasSubstr("upgrade this controller"));
}

TEST_F(StoreJoinTest, ADiskThatDoesNotTakeItIsNobodyElsesFault) {
  // Somebody else made the name of the directory in which it is gathered.
  StoreOptions directory;
  directory.dataDir = target().string();
  auto into = IncomingCopy::into(directory);
  ASSERT_TRUE(into.ok());
  std::ofstream(target() / "joining") << "in the way";
  StoreJoin join(io_.provider->getNetwork(), io_.lowLevelProvider->getTimer(), *into.value(),
                 {.controllers = addresses_, .security = {}, .formatMax = kFormatMax}, notices_,
                 [](const JoinProgress&) {});
  const JoinOutcome outcome = join.attempt().wait(io_.waitScope);
  EXPECT_EQ(outcome.kind, Kind::kDisk);
  EXPECT_THAT(outcome.why, HasSubstr("joining: File exists"));
  EXPECT_EQ(copies(), (std::vector<uint64_t>{1, 0, 0})) << "the others would not help";
}

}  // namespace
}  // namespace holdfast::peering
