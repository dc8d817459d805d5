// Everything that is held is told once, while the registry changes.
#include "core/queries/held_chunks.h"

#include <gmock/gmock.h>

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "tests/core/random_sequences.h"
#include "tests/core/registry_fixture.h"

namespace holdfast::test {
namespace {

using queries::HeldChunksCursor;
using queries::HeldGroup;
// (instance, rank, location, chunk)
using Membership = std::tuple<std::string, uint32_t, std::string, ChunkHash>;

class HeldChunksTest : public RegistryTest {
 protected:
  SessionId join(const std::string& instance, const std::string& model = "") {
    Registration info = registration(instance, 0);
    info.model = model;
    info.locations = {{"GPU", 11, true, 0, 0, {}, 1}, {"CPU", 11, true, 0, 0, {}, 1}};
    return registered(info);
  }
  HeldChunksCursor cursor(const std::string& model) {
    return {registry_->tree(), registry_->index(), registry_->tree().salt(model)};
  }
  // What `walk` tells from here on; `between` is called behind each of its pieces.
  template <typename Between>
  std::multiset<Membership> rest(HeldChunksCursor walk, Between between) {
    std::multiset<Membership> told;
    HeldGroup group;
    for (auto step = walk.next(group); step != HeldChunksCursor::Step::kOver;
         step = walk.next(group)) {
      if (step == HeldChunksCursor::Step::kPiece) {
        between();
        continue;
      }
      for (const ChunkHash chunk : group.chunks) {
        told.emplace(group.instance, group.rank, group.location, chunk);
      }
    }
    return told;
  }
};

TEST_F(HeldChunksTest, EachChunkOfTheModelIsToldWithEachHolder) {
  const SessionId a = join("a");
  const SessionId b = join("b");
  const SessionId other = join("c", "other");
  ASSERT_TRUE(report(a, 1, {1, 2, UINT64_MAX}, 11, "GPU").ok());
  ASSERT_TRUE(report(a, 1, {1}, 11, "CPU").ok());
  ASSERT_TRUE(report(b, 1, {2, 3}, 11, "GPU").ok());
  ASSERT_TRUE(report(other, 1, {1, 2, 9}, 11, "GPU").ok());
  const std::multiset<Membership> expected = {{"a", 0, "GPU", 1},          {"a", 0, "GPU", 2},
                                              {"a", 0, "GPU", UINT64_MAX}, {"a", 0, "CPU", 1},
                                              {"b", 0, "GPU", 2},          {"b", 0, "GPU", 3}};
  EXPECT_EQ(rest(cursor(""), [] {}), expected);
  const std::multiset<Membership> ofOther = {
      {"c", 0, "GPU", 1}, {"c", 0, "GPU", 2}, {"c", 0, "GPU", 9}};
  EXPECT_EQ(rest(cursor("other"), [] {}), ofOther);
  EXPECT_EQ(rest(cursor("unknown"), [] {}), std::multiset<Membership>{});
}

TEST_F(HeldChunksTest, WhoIsLostIsNotTold) {
  const SessionId a = join("a");
  ASSERT_TRUE(report(a, 1, {1, 2}, 11, "GPU").ok());
  registry_->registration().connectionClosed(a);
  EXPECT_EQ(rest(cursor(""), [] {}), std::multiset<Membership>{});
}

// Between the pieces chunks come and go, and a worker leaves whose holder another one may get.
TEST_F(HeldChunksTest, WhatIsHeldAllTheTimeIsToldOnceAndWhatIsGoneIsNot) {
  forRandomSequences(20, [&](Random& random) {
    open({});
    const SessionId stays = join("stays");
    const SessionId leaves = join("leaves");
    std::set<ChunkHash> kept;
    std::vector<ChunkHash> passing;
    for (int i = 0; i < 3'000; ++i) kept.insert(random());
    for (int i = 0; i < 3'000; ++i) passing.push_back(random());
    ASSERT_TRUE(report(stays, 1, {kept.begin(), kept.end()}, 11, "GPU").ok());
    settle();
    ASSERT_TRUE(report(leaves, 1, {kept.begin(), kept.end()}, 11, "GPU").ok());
    settle();
    ASSERT_TRUE(report(stays, 1, passing, 11, "CPU").ok());
    settle();
    const size_t leavesAfter = below(random, 12);
    std::set<Membership> goneFrom;  // told wrongly if told from now on
    size_t pieces = 0;
    uint64_t cpuSeq = 1 + passing.size();
    bool gone = false;
    std::multiset<Membership> told;
    HeldChunksCursor walk = cursor("");
    HeldGroup group;
    for (auto step = walk.next(group); step != HeldChunksCursor::Step::kOver;
         step = walk.next(group)) {
      if (step == HeldChunksCursor::Step::kGroup) {
        for (const ChunkHash chunk : group.chunks) {
          const Membership one(group.instance, group.rank, group.location, chunk);
          ASSERT_FALSE(goneFrom.contains(one));
          told.insert(one);
        }
        continue;
      }
      if (pieces++ == leavesAfter) {
        ASSERT_TRUE(registry_->registration().deregister(leaves).ok());
        gone = true;
        while (registry_->work()) {
        }
        // It may be given the holder that is free again, and has the same chunks elsewhere.
        const SessionId takes = join("takes");
        ASSERT_TRUE(report(takes, 1, {passing.begin(), passing.begin() + 100}, 11, "GPU").ok());
        settle();
        for (const ChunkHash chunk : kept) goneFrom.emplace("leaves", 0, "GPU", chunk);
        for (const ChunkHash chunk : kept) goneFrom.emplace("takes", 0, "GPU", chunk);
      }
      const ChunkHash evicted = passing[below(random, passing.size())];
      const uint8_t evict = 0xFF;
      ASSERT_TRUE(
          registry_->kv()
              .handleBatchedKvOperations(stays, {"CPU", 11, cpuSeq++, {{&evicted, 1}, {&evict, 0}}})
              .ok());
      goneFrom.emplace("stays", 0, "CPU", evicted);
      settle();
    }
    ASSERT_TRUE(gone);
    for (const ChunkHash chunk : kept) ASSERT_EQ(told.count({"stays", 0, "GPU", chunk}), 1u);
    for (const ChunkHash chunk : passing) {
      const Membership one{"stays", 0, "CPU", chunk};
      if (!goneFrom.contains(one)) {
        ASSERT_EQ(told.count(one), 1u);
      }
    }
  });
}

}  // namespace
}  // namespace holdfast::test
