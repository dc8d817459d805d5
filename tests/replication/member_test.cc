// Who leads, when, and who refuses to follow.
#include "replication/member.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>

#include "core/registry/registry.h"
#include "tests/support/ignored_link.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_log.h"
#include "tests/support/memory_store.h"
#include "tests/support/message_of.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::replication {
namespace {

using test::ManualClock;
using test::MemoryLog;
using test::MemoryLogRecords;
using test::MemoryStore;

// A controller of the group, without its doors.
struct OneOfGroup {
  OneOfGroup(MemoryLogRecords& engine, std::mt19937_64& random, ManualClock& clock,
             const std::string& name, MemoryStore::Disk disk = {})
      : log(engine, random),
        own(std::move(disk)),
        store(own, clock),
        registry({}, clock, store, notices),
        member(
            log, store, registry.replica(), clock, [&random] { return random(); },
            MemberOptions{.node = name,
                          .address = name + ":7440",
                          .format = 2,
                          .askLeader = [this](const std::string& address) { asked = address; },
                          .systemMs = [this, &clock] { return clock.nowMs + stoodStillMs; }}) {
    registry.recover();
  }
  std::string start() { return messageOf(member.start(!registry.tree().instances().empty())); }
  // Everything that is under way arrives.
  void run() {
    do {
      while (log.step()) {
      }
    } while (member.step());
    own.complete();
    store.poll(registry);
  }
  // Registers a worker, as a client would.
  void addWorker(const std::string& instance) {
    Registration registration;
    registration.instance = instance;
    registration.run = registration.attempt = 1;
    EXPECT_TRUE(registry.registration().registerWorker(registration, link).ok());
  }
  bool has(const std::string& instance) const {
    return registry.tree().findInstance(instance) != nullptr;
  }

  test::IgnoredNotices notices;
  test::IgnoredLink link;
  MemoryLog log;
  MemoryStore own;
  LoggedStore store;
  Registry registry;
  std::string asked;
  uint64_t stoodStillMs = 0;  // of the process
  Member member;
};

class MemberTest : public testing::Test {
 protected:
  std::unique_ptr<OneOfGroup> node(const std::string& name, MemoryStore::Disk disk = {}) {
    return std::make_unique<OneOfGroup>(engine_, random_, clock_, name, std::move(disk));
  }
  void pass(uint64_t ms, std::initializer_list<OneOfGroup*> nodes) {
    for (uint64_t passed = 0; passed < ms; passed += 20) {
      clock_.nowMs += 20;
      for (OneOfGroup* one : nodes) {
        one->run();
        one->member.tick();
        one->run();
      }
    }
  }
  // Of a group that begins.
  std::unique_ptr<OneOfGroup> leader(const std::string& name, MemoryStore::Disk disk = {}) {
    auto first = node(name, std::move(disk));
    EXPECT_EQ(first->start(), "");
    pass(400, {first.get()});
    EXPECT_TRUE(first->member.leads());
    return first;
  }

  std::mt19937_64 random_{1};
  MemoryLogRecords engine_;
  ManualClock clock_;
};

TEST_F(MemberTest, LeadsWhenNobodyElseDoesAndIsFollowed) {
  auto a = node("a");
  ASSERT_EQ(a->start(), "");
  EXPECT_EQ(a->member.view().role, ReplicaRole::kFollower);
  pass(280, {a.get()});
  EXPECT_FALSE(a->member.leads());
  pass(60, {a.get()});
  ASSERT_TRUE(a->member.leads());
  EXPECT_EQ(a->member.view().epoch, 1u);

  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  EXPECT_EQ(b->member.view().role, ReplicaRole::kBootstrapping) << "it has not read what is there";
  a->addWorker("llama");
  // Beats are enough for nobody else to want it.
  pass(5000, {a.get(), b.get()});
  EXPECT_TRUE(a->member.leads());
  EXPECT_TRUE(b->has("llama"));
  const ReplicaView view = b->member.view();
  EXPECT_EQ(view.role, ReplicaRole::kFollower);
  EXPECT_EQ(view.leader, "a:7440");
  EXPECT_EQ(view.index, a->member.view().index);
  EXPECT_EQ(view.lag, 0u);
  EXPECT_LE(view.ageMs, 120u);
}

TEST_F(MemberTest, TakesOverFromALeaderThatIsSilentAndDoesNotAnswer) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  a->addWorker("llama");
  pass(1000, {a.get(), b.get()});
  // It answers, and the log has taken something of it just now.
  for (int i = 0; i < 20; ++i) {
    pass(100, {b.get()});
    if (!b->asked.empty()) b->member.leaderAnswered(1, 100);
  }
  EXPECT_EQ(b->asked, "a:7440");
  EXPECT_FALSE(b->member.leads());
  // The log has taken nothing of it for long.
  b->member.leaderAnswered(1, 1500);
  pass(600, {b.get()});
  ASSERT_TRUE(b->member.leads());
  EXPECT_EQ(b->member.view().epoch, 2u);
  EXPECT_EQ(b->member.view().leader, "b:7440");
  EXPECT_EQ(b->member.view().log, a->member.view().log);
  EXPECT_TRUE(b->has("llama"));

  EXPECT_EQ(a->member.view().role, ReplicaRole::kCutOff);
  EXPECT_EQ(a->member.view().leader, "") << "it has not heard of it, and cannot know";
  pass(200, {a.get()});
  ASSERT_TRUE(a->member.ended());
  EXPECT_EQ(a->member.view().leader, "b:7440") << "who asks it is sent on";
  EXPECT_TRUE(a->member.deposed());
  EXPECT_NE(a->member.ended()->message.find("'b' at b:7440 leads"), std::string::npos);
}

// Nobody waits for the time in which it might have answered.
TEST_F(MemberTest, TakesOverAtOnceFromALeaderThatCannotBeAsked) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  while (b->asked.empty()) pass(20, {b.get()});
  EXPECT_FALSE(b->member.leads()) << "it may answer yet";
  b->member.leaderSilent();
  pass(40, {b.get()});
  EXPECT_TRUE(b->member.leads());
}

// It was replaced, and has not read that yet: others have.
TEST_F(MemberTest, DoesNotBelieveALeaderOfAnEarlierEpoch) {
  auto a = leader("a");
  auto b = node("b");
  auto c = node("c");
  ASSERT_EQ(b->start(), "");
  ASSERT_EQ(c->start(), "");
  pass(200, {a.get(), b.get(), c.get()});
  while (!b->member.leads()) pass(20, {b.get(), c.get()});
  c->asked.clear();
  while (c->asked.empty()) pass(20, {c.get()});
  EXPECT_EQ(c->asked, "b:7440");
  c->member.leaderAnswered(1, 0);
  pass(40, {c.get()});
  EXPECT_TRUE(c->member.leads());
}

TEST_F(MemberTest, NothingOfADeposedLeaderCompletes) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  pass(1000, {b.get()});
  ASSERT_TRUE(b->member.leads());
  const Ticket before = a->registry.ledger().committed();
  a->addWorker("late");
  pass(2000, {a.get(), b.get()});
  EXPECT_TRUE(a->member.deposed());
  EXPECT_EQ(a->registry.ledger().committed(), before);
  EXPECT_FALSE(b->has("late"));
}

// It cannot know whether it leads; while it does not, it says so and names nobody.
TEST_F(MemberTest, ALeaderThatTheLogDoesNotHearIsCutOffUntilItHasReadThatItLeads) {
  auto a = leader("a");
  a->log.setFaults({.lost = 100});
  pass(880, {a.get()});
  EXPECT_TRUE(a->member.view().takesWrites());
  pass(240, {a.get()});
  ReplicaView view = a->member.view();
  EXPECT_EQ(view.role, ReplicaRole::kCutOff);
  EXPECT_FALSE(view.takesWrites());
  EXPECT_EQ(view.leader, "");
  EXPECT_GE(view.ageMs, 1000u);
  EXPECT_FALSE(a->member.ended());
  // Nobody took over: it goes on, with what it had taken before.
  a->addWorker("held");
  a->log.setFaults({});
  pass(1200, {a.get()});
  view = a->member.view();
  EXPECT_EQ(view.role, ReplicaRole::kLeader);
  EXPECT_EQ(view.epoch, 1u);
  EXPECT_EQ(view.leader, "a:7440");
  EXPECT_TRUE(a->store.quiet());
}

TEST_F(MemberTest, ALeaderThatWasReplacedWhileItWasCutOffNeverTakesWritesAgain) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  a->log.setFaults({.lost = 100});
  pass(1200, {a.get(), b.get()});
  ASSERT_TRUE(a->member.cutOff());
  ASSERT_TRUE(b->member.leads());
  // Its records are acknowledged again before it has read the take-over.
  a->log.setFaults({});
  for (int i = 0; i < 1000 && !a->member.ended(); ++i) {
    clock_.nowMs += 20;
    a->member.tick();
    if (i % 3 == 0) a->log.step();
    a->member.step();
    EXPECT_FALSE(a->member.view().takesWrites());
  }
  EXPECT_TRUE(a->member.deposed());
}

TEST_F(MemberTest, TakesOverAtOnceFromALeaderThatStepsDown) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  std::string answer = "none";
  b->member.stepDown([&](const std::optional<Error>& why) { answer = messageOf(why); });
  EXPECT_EQ(answer, "it does not lead");
  answer = "none";
  a->member.stepDown([&](const std::optional<Error>& why) { answer = messageOf(why); });
  pass(120, {a.get(), b.get()});
  EXPECT_TRUE(b->member.leads());
  pass(120, {a.get(), b.get()});
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(a->member.deposed());
}

// A take-over must name the last frame: while there is always another one, none ever counts.
TEST_F(MemberTest, AnotherOneTakesOverWhileWritesComeAllTheTime) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  std::string answer = "none";
  a->member.stepDown([&](const std::optional<Error>& why) { answer = messageOf(why); });
  for (int i = 0; i < 200 && !b->member.leads(); ++i) {
    clock_.nowMs += 20;
    b->member.tick();  // what it appends arrives after what the other one does
    a->addWorker("w" + std::to_string(i));
    a->member.tick();
    a->run();
    b->run();
  }
  ASSERT_TRUE(b->member.leads());
  pass(200, {a.get(), b.get()});
  EXPECT_EQ(answer, "");
  EXPECT_TRUE(a->member.deposed());
}

TEST_F(MemberTest, NobodyCampaignsAgainstALeaderThatGoesOnAfterAll) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  std::string answer = "none";
  a->member.stepDown([&](const std::optional<Error>& why) { answer = messageOf(why); });
  b->log.setFaults({.lost = 100});
  pass(2000, {a.get(), b.get()});
  a->addWorker("late");
  pass(1000, {a.get(), b.get()});
  EXPECT_FALSE(a->store.quiet()) << "it writes nothing while it waits to be replaced";
  pass(2400, {a.get(), b.get()});
  EXPECT_NE(answer.find("nobody has taken over"), std::string::npos);
  EXPECT_TRUE(a->store.quiet());
  EXPECT_TRUE(b->has("late"));
  b->log.setFaults({});
  const size_t before = engine_.records.size();
  pass(1000, {a.get(), b.get()});
  EXPECT_TRUE(a->member.leads());
  EXPECT_EQ(b->member.view().role, ReplicaRole::kFollower);
  EXPECT_LE(engine_.records.size(), before + 11) << "the leader's beats";
}

// --- how old it is ---

TEST_F(MemberTest, WhatIsMissedWhileTheProcessStandsStillIsOld) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  EXPECT_EQ(a->member.view().ageMs, 0u);
  a->stoodStillMs = b->stoodStillMs = clock_.wallAheadMs = 30'000;
  EXPECT_GE(a->member.view().ageMs, 30'000u);
  EXPECT_GE(b->member.view().ageMs, 30'000u);
  pass(120, {a.get(), b.get()});
  EXPECT_EQ(a->member.view().ageMs, 0u);
  EXPECT_LE(b->member.view().ageMs, 120u);
}

TEST_F(MemberTest, WhatALeaderAnswersGetsOldWhileTheLogDoesNotHearIt) {
  auto a = leader("a");
  a->log.setFaults({.lost = 100});
  pass(600, {a.get()});
  EXPECT_EQ(a->member.view().role, ReplicaRole::kLeader);
  EXPECT_GE(a->member.view().ageMs, 500u);
  EXPECT_LE(a->member.view().ageMs, 700u);
}

// It is told what the log has before it gets it.
TEST_F(MemberTest, OneThatCatchesUpIsAsOldAsWhatItHas) {
  auto a = leader("a");
  auto b = node("b");
  b->log.setRecordsPerPoll(1);
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  pass(10'000, {a.get()});
  // Of a hundred records it gets one.
  b->member.step();
  b->member.tick();
  const ReplicaView view = b->member.view();
  EXPECT_GE(view.lag, 90u);
  EXPECT_GE(view.ageMs, 9'000u);
}

// It hears nothing for a while, and then of everything in turn: what the log has it was never told.
TEST_F(MemberTest, WhatComesLateIsAsOldAsItIs) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  b->log.setRecordsPerPoll(1);
  pass(2'000, {a.get()});
  b->member.step();
  EXPECT_EQ(b->member.view().lag, 0u);
  EXPECT_GE(b->member.view().ageMs, 1'800u);
  b->log.setRecordsPerPoll(SIZE_MAX);
  pass(120, {a.get(), b.get()});
  EXPECT_LE(b->member.view().ageMs, 120u);
}

// It reads that it leads long after that came into the log: another one may have led since.
TEST_F(MemberTest, ALeaderThatReadsItsTakeOverLateIsAsOldAsThat) {
  auto a = node("a");
  ASSERT_EQ(a->start(), "");
  pass(280, {a.get()});
  while (a->member.view().role != ReplicaRole::kCandidate) {
    clock_.nowMs += 20;
    a->member.tick();
  }
  clock_.nowMs += 900;
  a->run();
  ASSERT_TRUE(a->member.leads());
  EXPECT_GE(a->member.view().ageMs, 900u);
  pass(200, {a.get()});
  EXPECT_EQ(a->member.view().ageMs, 0u);
}

TEST_F(MemberTest, GoesOnLeadingWhereNobodyTakesOver) {
  auto a = leader("a");
  std::string answer = "none";
  a->member.stepDown([&](const std::optional<Error>& why) { answer = messageOf(why); });
  pass(4800, {a.get()});
  EXPECT_EQ(answer, "none");
  pass(400, {a.get()});
  EXPECT_NE(answer.find("nobody has taken over"), std::string::npos);
  EXPECT_TRUE(a->member.leads());
}

TEST_F(MemberTest, ComesBackAsAFollowerOfWhatItHas) {
  auto a = leader("a");
  a->addWorker("one");
  pass(200, {a.get()});
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  const auto disk = a->own.afterCrash();
  a.reset();
  pass(1000, {b.get()});
  ASSERT_TRUE(b->member.leads());
  b->addWorker("two");
  pass(200, {b.get()});
  a = node("a", disk);
  ASSERT_EQ(a->start(), "");
  pass(200, {b.get(), a.get()});
  EXPECT_TRUE(a->has("two"));
  EXPECT_EQ(a->registry.registryDigest().hex(), b->registry.registryDigest().hex());
}

// A store that was alone until now leads with what it has, and a copy of it follows; others do not.
TEST_F(MemberTest, OnlyACopyFollowsWhoBeganWithContent) {
  MemoryStore::Disk disk;
  {
    auto alone = node("alone");
    alone->addWorker("before");
    alone->own.complete();
    disk = alone->own.afterCrash();
  }
  ASSERT_FALSE(disk.place);
  auto a = leader("a", disk);
  EXPECT_TRUE(a->has("before"));

  auto empty = node("empty");
  ASSERT_EQ(empty->start(), "");
  pass(100, {a.get(), empty.get()});
  ASSERT_TRUE(empty->member.ended());
  EXPECT_FALSE(empty->member.deposed());
  EXPECT_NE(empty->member.ended()->message.find("--join"), std::string::npos);

  auto other = node("other", disk);
  EXPECT_NE(other->start().find("content that is not of the group's log"), std::string::npos);

  auto copy = node("copy", a->own.afterCrash());
  ASSERT_EQ(copy->start(), "");
  a->addWorker("after");
  pass(200, {a.get(), copy.get()});
  EXPECT_TRUE(copy->has("before"));
  EXPECT_TRUE(copy->has("after"));
}

TEST_F(MemberTest, RefusesALogThatIsNotTheOneThatItsStoreIsOf) {
  auto a = leader("a");
  a->addWorker("one");
  pass(200, {a.get()});
  const auto disk = a->own.afterCrash();
  a.reset();
  {
    SCOPED_TRACE("made anew");
    MemoryLogRecords former = engine_;
    engine_.identity = "another";
    EXPECT_NE(node("a", disk)->start().find("of another log (memory)"), std::string::npos);
    engine_ = former;
  }
  {
    SCOPED_TRACE("cut");
    MemoryLogRecords former = engine_;
    engine_.records.resize(1);
    EXPECT_NE(node("a", disk)->start().find("has lost its end"), std::string::npos);
    engine_ = former;
  }
  {
    SCOPED_TRACE("trimmed behind it");
    engine_.records.erase(engine_.records.begin());
    ++engine_.first;
    auto late = node("late");
    ASSERT_EQ(late->start(), "");
    late->run();
    EXPECT_TRUE(late->member.ended());
    auto known = node("a", disk);
    EXPECT_EQ(known->start(), "");
    known->run();
    EXPECT_FALSE(known->member.ended());
  }
}

TEST_F(MemberTest, EndsWhereTheLogProvesThatAnotherCopyOfItDiffers) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  pass(200, {a.get(), b.get()});
  // Nobody has taken over in this log.
  a->log.append(encodeRecord(Beat{.epoch = 9}));
  pass(200, {a.get(), b.get()});
  ASSERT_TRUE(b->member.ended());
  EXPECT_NE(b->member.ended()->message.find("copies of it differ"), std::string::npos);
  ASSERT_TRUE(a->member.ended()) << "two would lead for ever";
  EXPECT_FALSE(a->member.deposed());
}

TEST_F(MemberTest, RefusesALeaderOfANewerStorageFormat) {
  auto a = node("a");
  ASSERT_EQ(a->start(), "");
  a->log.append(encodeRecord(TakeOver{.base = {},
                                      .node = "new",
                                      .nonce = 7,
                                      .address = "new:7440",
                                      .formatMin = 3,
                                      .formatMax = 3}));
  a->run();
  ASSERT_TRUE(a->member.ended());
  EXPECT_NE(a->member.ended()->message.find("upgrade this controller"), std::string::npos);
}

// While nobody writes anything, the log goes on.
TEST_F(MemberTest, NotesWhereItStandsFromTimeToTime) {
  auto a = leader("a");
  auto b = node("b");
  ASSERT_EQ(b->start(), "");
  for (int i = 0; i < 10'500; ++i) {
    clock_.nowMs += 100;
    a->member.tick();
    a->run();
    b->run();
  }
  for (OneOfGroup* one : {a.get(), b.get()}) {
    const auto place = one->own.afterCrash().place;
    ASSERT_TRUE(place);
    EXPECT_GE(place->sequence, 10'000u);
  }
}

}  // namespace
}  // namespace holdfast::replication
