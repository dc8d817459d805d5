#include "client/full_sync_state.h"

#include <gtest/gtest.h>

#include <numeric>

#include "core/limits.h"

namespace holdfast {
namespace {

FullSyncStart cut() {
  return {.location = "gpu",
          .incarnation = 5,
          .syncId = 7,
          .totalKeys = 0,
          .batchCount = 0,
          .baseSeq = 30,
          .digest = {1, 2},
          .lastSeq = 30};
}

FullSyncState stateOf(size_t keys, size_t batchKeys) {
  std::vector<ChunkHash> all(keys);
  std::iota(all.begin(), all.end(), ChunkHash{0});
  return {cut(), std::move(all), batchKeys};
}

// The numbers of the batches that are due, which must be followed by an end.
std::vector<uint32_t> batchesOf(FullSyncState& state, uint64_t nowMs) {
  std::vector<uint32_t> numbers;
  auto message = state.next(nowMs);
  for (; message && std::holds_alternative<FullSyncBatch>(*message); message = state.next(nowMs)) {
    numbers.push_back(std::get<FullSyncBatch>(*message).number);
  }
  EXPECT_TRUE(message && std::holds_alternative<FullSyncEnd>(*message));
  return numbers;
}

TEST(FullSyncState, BatchesAreTheKeysOfTheCut) {
  FullSyncState state = stateOf(10, 4);
  EXPECT_EQ(state.start().totalKeys, 10u);
  EXPECT_EQ(state.start().batchCount, 3u);
  const auto start = state.next(0);
  ASSERT_TRUE(start && std::holds_alternative<FullSyncStart>(*start));
  EXPECT_EQ(std::get<FullSyncStart>(*start).baseSeq, 30u);
  EXPECT_FALSE(state.next(0)) << "nothing before the answer";
  state.started({0, 1, 2});
  std::vector<ChunkHash> keys;
  for (uint32_t i = 0; i < 3; ++i) {
    const auto message = state.next(0);
    ASSERT_TRUE(message && std::holds_alternative<FullSyncBatch>(*message));
    const auto& batch = std::get<FullSyncBatch>(*message);
    EXPECT_EQ(batch.location, "gpu");
    EXPECT_EQ(batch.incarnation, 5u);
    EXPECT_EQ(batch.syncId, 7u);
    EXPECT_EQ(batch.number, i);
    keys.insert(keys.end(), batch.keys.begin(), batch.keys.end());
  }
  std::vector<ChunkHash> all(10);
  std::iota(all.begin(), all.end(), ChunkHash{0});
  EXPECT_EQ(keys, all);
  const auto end = state.next(0);
  ASSERT_TRUE(end && std::holds_alternative<FullSyncEnd>(*end));
  EXPECT_EQ(std::get<FullSyncEnd>(*end).actualTotalKeys, 10u);
  EXPECT_FALSE(state.next(1'000'000));
}

TEST(FullSyncState, WithoutKeysThereAreNoBatches) {
  FullSyncState state = stateOf(0, 4);
  EXPECT_EQ(state.start().batchCount, 0u);
  state.next(0);
  state.started({});
  EXPECT_TRUE(batchesOf(state, 0).empty());
}

TEST(FullSyncState, ThereAreNeverTooManyBatches) {
  const FullSyncState state = stateOf(kBatchesPerSyncMax + 1, 1);
  EXPECT_EQ(state.start().batchCount, (kBatchesPerSyncMax + 2) / 2);
}

TEST(FullSyncState, AsksForTheStatusLessAndLessOften) {
  FullSyncState state = stateOf(4, 4);
  state.next(0);
  state.started({0});
  EXPECT_EQ(batchesOf(state, 0), std::vector<uint32_t>{0});
  uint64_t nowMs = 100;
  for (const uint64_t waitMs : {1, 2, 4, 8, 16, 20, 20}) {
    ASSERT_TRUE(state.awaitsStatus());
    state.statusAnswered({}, nowMs);
    EXPECT_EQ(state.dueMs(), nowMs + waitMs);
    EXPECT_FALSE(state.next(nowMs + waitMs - 1));
    nowMs += waitMs;
    const auto poll = state.next(nowMs);
    ASSERT_TRUE(poll && std::holds_alternative<FullSyncPoll>(*poll));
    EXPECT_EQ(state.dueMs(), std::nullopt);
  }
}

TEST(FullSyncState, WhatIsMissingIsSentAgainAfterAWait) {
  FullSyncState state = stateOf(10, 2);
  state.next(0);
  state.started({0, 1, 2, 3, 4});
  EXPECT_EQ(batchesOf(state, 0).size(), 5u);
  state.statusAnswered({3, 1}, 10);
  EXPECT_FALSE(state.next(10)) << "there was no room for them";
  EXPECT_EQ(batchesOf(state, 11), (std::vector<uint32_t>{3, 1}));
  state.statusAnswered({1}, 20);
  EXPECT_EQ(batchesOf(state, 22), std::vector<uint32_t>{1});
}

TEST(FullSyncState, GoesOnWithWhatIsMissing) {
  FullSyncState state = stateOf(10, 2);
  state.next(0);
  state.started({0, 1, 2, 3, 4});
  state.next(0);
  state.park();
  EXPECT_FALSE(state.next(0));
  EXPECT_FALSE(state.awaitsStart());
  state.goOn();
  const auto start = state.next(0);
  ASSERT_TRUE(start && std::holds_alternative<FullSyncStart>(*start));
  EXPECT_EQ(std::get<FullSyncStart>(*start).syncId, 7u);
  EXPECT_EQ(std::get<FullSyncStart>(*start).baseSeq, 30u);
  // Numbers that are not its own are the controller's mistake and not answered.
  state.started({4, 5, 1'000'000});
  EXPECT_EQ(batchesOf(state, 0), std::vector<uint32_t>{4});
}

}  // namespace
}  // namespace holdfast
