// The resume table, row by row, and what must hold for every pair of states.
#include "core/repair/resume_policy.h"

#include <gtest/gtest.h>

#include "tests/core/random_sequences.h"

namespace holdfast {
namespace {

constexpr KeyDigest kSome{1, 2};
constexpr KeyDigest kOther{3, 4};
constexpr HeldState kHeld{/*incarnation=*/7, /*seq=*/100, /*count=*/10, kSome};

LocationStatement stating(uint64_t incarnation, uint64_t lastSeq, uint64_t count, KeyDigest digest,
                          uint64_t replayableFrom, bool beganEmpty = false) {
  return {"cpu", incarnation, beganEmpty, lastSeq, count, digest, replayableFrom};
}

TEST(ResumePolicy, FollowsItsTable) {
  struct Row {
    const char* what;
    std::optional<HeldState> held;
    LocationStatement statement;
    ResumeAction action;
    Reason reason;
  };
  const Row rows[] = {
      {"all four equal", kHeld, stating(7, 100, 10, kSome, 101), ResumeAction::kInSync,
       Reason::kEqual},
      {"all four equal, and incomplete", HeldState{7, 100, 10, kSome, true},
       stating(7, 100, 10, kSome, 101), ResumeAction::kStayDiverged, Reason::kReportsLost},
      {"same seq, other count", kHeld, stating(7, 100, 11, kSome, 1), ResumeAction::kFullSync,
       Reason::kContentDiffers},
      {"same seq, other digest", kHeld, stating(7, 100, 10, kOther, 1), ResumeAction::kFullSync,
       Reason::kContentDiffers},
      {"behind, replayable from just there", kHeld, stating(7, 120, 12, kOther, 101),
       ResumeAction::kReplay, Reason::kBehind},
      {"behind, one operation is gone", kHeld, stating(7, 120, 12, kOther, 102),
       ResumeAction::kFullSync, Reason::kGapTooOld},
      {"ahead", kHeld, stating(7, 99, 10, kSome, 1), ResumeAction::kFullSync,
       Reason::kWorkerRolledBack},
      {"new and empty", std::nullopt, stating(7, 55, 0, {}, 56), ResumeAction::kCreateEmpty,
       Reason::kUnknownEmpty},
      {"new, whole history", std::nullopt, stating(7, 55, 9, kSome, 1, true),
       ResumeAction::kCreateReplay, Reason::kUnknownReplay},
      {"new, whole history, but did not begin empty", std::nullopt, stating(7, 55, 9, kSome, 1),
       ResumeAction::kCreateUnknown, Reason::kUnknown},
      {"new, part of the history", std::nullopt, stating(7, 55, 9, kSome, 2, true),
       ResumeAction::kCreateUnknown, Reason::kUnknown},
      {"restarted, content survived", kHeld, stating(8, 0, 10, kSome, 1), ResumeAction::kAdopt,
       Reason::kAdopted},
      {"restarted empty", kHeld, stating(8, 0, 0, {}, 1), ResumeAction::kForget,
       Reason::kRestartedEmpty},
      {"restarted with other content", kHeld, stating(8, 3, 3, kOther, 1), ResumeAction::kHide,
       Reason::kRestarted},
      {"legacy, new", std::nullopt, stating(0, 0, 0, {}, 1), ResumeAction::kForgetLegacy,
       Reason::kLegacy},
      {"legacy, known", HeldState{0, 5, 10, kSome}, stating(0, 5, 10, kSome, 1),
       ResumeAction::kForgetLegacy, Reason::kLegacy},
      {"restarted empty where we had nothing either", HeldState{7, 5, 0, {}},
       stating(8, 0, 0, {}, 1), ResumeAction::kAdopt, Reason::kAdopted},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(decideResume(row.held, row.statement, true, false),
              (ResumeDecision{row.action, row.reason}))
        << row.what;
  }
}

TEST(ResumePolicy, AProcessThatRenumbersIsNoOtherProcess) {
  const auto decided = [](const LocationStatement& statement) {
    return decideResume(kHeld, statement, true, true);
  };
  EXPECT_EQ(decided(stating(8, 3, 3, kOther, 1)),
            (ResumeDecision{ResumeAction::kOutdated, Reason::kRenumbered}));
  EXPECT_EQ(decided(stating(8, 0, 0, {}, 1)),
            (ResumeDecision{ResumeAction::kForget, Reason::kCleared}));
  EXPECT_EQ(decided(stating(8, 0, 10, kSome, 1)),
            (ResumeDecision{ResumeAction::kAdopt, Reason::kAdopted}));
  EXPECT_EQ(decided(stating(7, 100, 10, kSome, 101)),
            (ResumeDecision{ResumeAction::kInSync, Reason::kEqual}));
}

TEST(ResumePolicy, AHeartbeatFromThePastDecidesNothing) {
  EXPECT_EQ(decideResume(kHeld, stating(7, 99, 10, kSome, 1), false, true).action,
            ResumeAction::kIgnore);
}

TEST(ResumePolicy, AHeartbeatOfALegacyClientDecidesNothing) {
  EXPECT_EQ(
      decideResume(HeldState{0, 5, 10, kSome}, stating(0, 9, 3, kOther, 1), false, true).action,
      ResumeAction::kIgnore);
}

TEST(ResumePolicy, AFullSyncGoesOnOnlyWhereItsWorkerIsAtItAndNothingIsMissing) {
  const BuildingState building{7, 99, 100};
  const auto statement = [](uint64_t incarnation, uint64_t syncId, uint64_t lastSeq,
                            uint64_t replayableFrom) {
    LocationStatement result = stating(incarnation, lastSeq, 10, kSome, replayableFrom);
    result.syncId = syncId;
    return result;
  };
  EXPECT_TRUE(fullSyncGoesOn(building, statement(7, 99, 100, 101)));
  EXPECT_TRUE(fullSyncGoesOn(building, statement(7, 99, 120, 101)));
  EXPECT_FALSE(fullSyncGoesOn(building, statement(7, 99, 120, 102)))
      << "a gap that cannot be filled";
  EXPECT_FALSE(fullSyncGoesOn(building, statement(7, 98, 100, 101))) << "another sync";
  EXPECT_FALSE(fullSyncGoesOn(building, statement(7, 0, 100, 101))) << "no sync";
  EXPECT_FALSE(fullSyncGoesOn(building, statement(8, 99, 100, 101))) << "another incarnation";
  EXPECT_FALSE(fullSyncGoesOn(building, statement(7, 99, 99, 1))) << "rolled back";
  EXPECT_FALSE(fullSyncGoesOn({0, 99, 0}, statement(0, 99, 0, 1))) << "legacy";
}

TEST(ResumePolicy, NeverCallsInSyncWhatDiffers) {
  test::forRandomSequences(10'000, [](test::Random& random) {
    const auto small = [&] { return test::below(random, 3); };
    const HeldState held{1 + small(), small(), small(), {small(), small()}};
    const uint64_t lastSeq = small();
    const LocationStatement statement =
        stating(1 + small(), lastSeq, small(), {small(), small()},
                1 + test::below(random, lastSeq + 1), test::chance(random, 50));
    const bool sameContent = held.count == statement.count && held.digest == statement.digest;
    const bool equal =
        sameContent && held.incarnation == statement.incarnation && held.seq == statement.lastSeq;
    const ResumeDecision decision =
        decideResume(held, statement, test::chance(random, 50), test::chance(random, 50));
    EXPECT_EQ(decision.action == ResumeAction::kInSync, equal);
    if (decision.action == ResumeAction::kAdopt) {
      EXPECT_TRUE(sameContent);
    }
    if (decision.action == ResumeAction::kForget) {
      EXPECT_EQ(statement.count, 0u);
    }
    if (decision.action == ResumeAction::kReplay) {
      EXPECT_LE(statement.replayableFrom, held.seq + 1);
    }
  });
}

}  // namespace
}  // namespace holdfast
