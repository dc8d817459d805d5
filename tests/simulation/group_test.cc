// Controllers that lead one after another: what a fleet was told to be in the store is in whatever
// store comes next, and nothing else is.
#include "tests/simulation/group.h"

#include <gtest/gtest.h>

#include "tests/simulation/registry_world.h"

namespace holdfast::test {
namespace {

TEST(GroupTest, WhoeverLeadsNextHasWhatWasConfirmedAndAllHoldTheSame) {
  Group::Seen all;
  uint64_t sequences = 0;
  forRandomSequences(200, [&](Random& random) {
    Group group(random);
    RegistryWorld world(random, group);
    for (uint64_t n = 50 + below(random, 350); n > 0 && !::testing::Test::HasFailure(); --n) {
      world.step();
    }
    if (::testing::Test::HasFailure()) return;
    group.settle();
    all.killed += group.seen().killed;
    all.deposed += group.seen().deposed;
    all.lost += group.seen().lost;
    all.resumed += group.seen().resumed;
    all.takenOver += group.seen().takenOver;
    ++sequences;
  });
  if (sequences < 100) return;
  EXPECT_GT(all.killed, sequences / 2);
  EXPECT_GT(all.deposed, sequences / 4);
  EXPECT_GT(all.takenOver, sequences / 2);
  EXPECT_GT(all.lost, 0u);
  EXPECT_GT(all.resumed, 0u);
}

}  // namespace
}  // namespace holdfast::test
