#include "client/controller_ring.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

namespace holdfast {
namespace {

constexpr ControllerRing::Backoff kBackoff{.minMs = 50, .maxMs = 800};

struct Walk {
  explicit Walk(std::vector<std::string> addresses, uint64_t seed = 1)
      : random(seed), ring(std::move(addresses), kBackoff, [this] { return random(); }) {}

  // Goes on to the next one, after its wait.
  const std::string& go() {
    nowMs += ring.next(nowMs);
    return ring.current();
  }
  std::string fail() {
    ring.failed(nowMs);
    return go();
  }
  std::string refuse(const std::string& why) {
    ring.refused(nowMs, why);
    return go();
  }
  std::string sentOn(const std::string& leader) {
    ring.sentOn(nowMs, leader);
    return go();
  }

  std::mt19937_64 random;
  ControllerRing ring;
  uint64_t nowMs = 1'000;
};

TEST(ControllerRing, EachIsTriedAtOnceAndThenWaitedFor) {
  Walk walk({"a", "b", "c"});
  std::set<std::string> tried{walk.ring.current()};
  tried.insert(walk.fail());
  tried.insert(walk.fail());
  EXPECT_EQ(walk.nowMs, 1'000u) << "one that was not tried needs no wait";
  EXPECT_EQ(tried, (std::set<std::string>{"a", "b", "c"}));
  walk.fail();
  EXPECT_GE(walk.nowMs, 1'025u);
  EXPECT_LE(walk.nowMs, 1'050u);
  EXPECT_EQ(walk.ring.roundsInVain(), 1u);
}

TEST(ControllerRing, WaitsDoubleForEachAddressUpToTheMaximum) {
  Walk walk({"a", "b"});
  std::map<std::string, uint64_t> tries;
  for (const uint64_t end = walk.nowMs + 60'000; walk.nowMs < end;) ++tries[walk.fail()];
  // 800 ms at most, 400 at least, once they have grown.
  for (const auto& [address, count] : tries) {
    EXPECT_GT(count, 60'000u / 800) << address;
    EXPECT_LT(count, 60'000u / 400 + 10) << address;
  }
}

TEST(ControllerRing, ALimitHoldsForEachWait) {
  Walk walk({"a"});
  walk.ring.limitBackoff(100);
  for (int i = 0; i < 20; ++i) {
    const uint64_t before = walk.nowMs;
    walk.fail();
    EXPECT_LE(walk.nowMs - before, 100u);
  }
}

TEST(ControllerRing, TheLeaderThatIsNamedComesNext) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Walk walk({"a", "b", "c", "d", "e"}, seed);
    const std::string leader = walk.ring.current() == "d" ? "c" : "d";
    EXPECT_EQ(walk.sentOn(leader), leader);
    EXPECT_EQ(walk.nowMs, 1'000u);
  }
}

TEST(ControllerRing, ALeaderIsFollowedThoughItHadNotLedBefore) {
  Walk walk({"a", "b"});
  const std::string first = walk.ring.current();
  const std::string second = walk.sentOn("");
  ASSERT_NE(second, first);
  // Both are waited for now, and the second one knows who has won.
  EXPECT_EQ(walk.sentOn(first), first);
  EXPECT_EQ(walk.nowMs, 1'000u);
}

TEST(ControllerRing, NobodyIsSentToAndFro) {
  Walk walk({"a", "b"});
  for (int i = 0; i < 100; ++i) walk.sentOn(walk.ring.current() == "a" ? "b" : "a");
  // A hundred steps without a wait would leave the time where it was.
  EXPECT_GT(walk.nowMs, 1'000u + 10 * 800u);
}

TEST(ControllerRing, ALeaderThatIsAwayIsNotHurriedTo) {
  Walk walk({"a", "b"});
  const std::string dead = walk.ring.current();
  const std::string follower = walk.fail();
  ASSERT_NE(follower, dead);
  walk.sentOn(dead);
  EXPECT_GE(walk.nowMs, 1'025u) << "its wait was not over";
}

TEST(ControllerRing, AnAddressThatWasNotConfiguredIsNeverTurnedTo) {
  Walk walk({"a", "b"});
  for (int i = 0; i < 50; ++i) {
    const std::string next = walk.sentOn("elsewhere:7440");
    EXPECT_TRUE(next == "a" || next == "b") << next;
  }
}

TEST(ControllerRing, AFleetSpreadsWhenItsLeaderIsGone) {
  std::map<std::string, int> turnedTo;
  std::set<uint64_t> when;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    Walk walk({"a", "b", "c", "d"}, seed);
    while (walk.ring.current() != "a") walk.fail();
    walk.ring.established();
    walk.nowMs = 100'000;
    ++turnedTo[walk.fail()];
    when.insert(walk.nowMs);
  }
  EXPECT_EQ(turnedTo.size(), 3u);
  for (const auto& [address, count] : turnedTo) EXPECT_GT(count, 60) << address;
  EXPECT_GT(when.size(), 20u) << "not all at the same moment";
  EXPECT_LE(*when.rbegin(), 100'050u);
}

TEST(ControllerRing, OneThatRefusesIsLeftForTheOthersAndAskedAgain) {
  Walk walk({"a", "b"});
  const std::string strict = walk.ring.current();
  const std::string other = walk.refuse("no");
  ASSERT_NE(other, strict);
  EXPECT_EQ(walk.nowMs, 1'000u) << "the other one needs no wait";
  EXPECT_FALSE(walk.ring.refusedByAll()) << "nobody knows what the other one says";
  std::string next = walk.fail();
  EXPECT_FALSE(walk.ring.refusedByAll()) << "who is away may come back";
  for (int i = 0; i < 10 && next != strict; ++i) next = walk.fail();
  EXPECT_EQ(next, strict) << "what it says may have changed";
}

TEST(ControllerRing, AllRefuseWhenEachOfThemDoes) {
  Walk walk({"a", "b"});
  const std::string first = walk.ring.current();
  const std::string second = walk.refuse("no");
  walk.refuse("never");
  const std::string no = first + ": no";
  const std::string never = second + ": never";
  const std::string all = walk.ring.refusedByAll().value_or("some may take it");
  EXPECT_TRUE(all == no + "; " + never || all == never + "; " + no) << all;
  while (walk.ring.current() != first) walk.refuse("never");
  walk.ring.established();
  EXPECT_FALSE(walk.ring.refusedByAll()) << "that was before";
}

TEST(ControllerRing, WhoSendsOnToOneThatRefusesLeavesItToThat) {
  Walk walk({"a", "b", "c"});
  const std::string leader = walk.ring.current();
  const std::string second = walk.refuse("no");
  std::string third;
  for (const char* one : {"a", "b", "c"}) {
    if (one != leader && one != second) third = one;
  }
  EXPECT_EQ(walk.sentOn(third), third);
  EXPECT_FALSE(walk.ring.refusedByAll()) << "it was not asked";
  walk.sentOn(leader);
  EXPECT_FALSE(walk.ring.refusedByAll()) << "the second one named another leader";
  while (walk.ring.current() != second) {
    walk.ring.current() == leader ? walk.refuse("no") : walk.sentOn(leader);
  }
  walk.ring.sentOn(walk.nowMs, leader);
  const auto all = walk.ring.refusedByAll();
  ASSERT_TRUE(all);
  EXPECT_NE(all->find(leader + ": no"), std::string::npos) << *all;
  EXPECT_NE(all->find(second + " sends on to " + leader), std::string::npos) << *all;
}

TEST(ControllerRing, OneAloneRefusesAtOnce) {
  Walk walk({"a"});
  EXPECT_FALSE(walk.ring.refusedByAll());
  walk.ring.refused(walk.nowMs, "no");
  EXPECT_EQ(walk.ring.refusedByAll(), "no");
}

}  // namespace
}  // namespace holdfast
