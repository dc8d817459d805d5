// Clients that are told of several controllers, of which one leads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "client/lookup_client.h"
#include "client/one_answer.h"
#include "client_fixture.h"
#include "tests/support/fake_group.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::string listOf(std::initializer_list<const FakeController*> controllers) {
  std::string list;
  for (const FakeController* one : controllers) {
    list += (list.empty() ? "" : ",") + one->address();
  }
  return list;
}

void become(FakeController& controller, const ReplicaView& view) {
  controller.with([&](State& state) { state.replica = view; });
}

TEST(Controllers, AWorkerFindsTheLeader) {
  FakeController a;
  FakeController b;
  FakeController c;
  become(a, test::follower(c.address()));
  become(b, test::follower(c.address()));
  become(c, test::leader(c.address()));
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b, &c});
  Client client(thread, options);
  ASSERT_TRUE(reaches(client, ClientState::kRegistered));
  EXPECT_EQ(c.with([](State& state) { return state.registrations; }), 1u);
  for (FakeController* one : {&a, &b}) {
    EXPECT_EQ(one->with([](State& state) { return state.registrations; }), 0u);
    EXPECT_LE(one->with([](State& state) { return state.connections; }), 1u);
  }
}

TEST(Controllers, AWorkerGoesOverToTheNextLeader) {
  FakeController a;
  FakeController b;
  become(a, test::leader(a.address()));
  become(b, test::follower(a.address()));
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b});
  Client client(thread, options);
  const auto gpu = client.location("gpu");
  client.admit(gpu, std::vector<ChunkHash>{1, 2, 3});
  ASSERT_TRUE(client.flush(kLongMs));
  // What the group has confirmed is what the next leader has; the rest is lost with the first one.
  b.with([&](State& state) { state.model = a.with([](State& first) { return first.model; }); });
  a.with([](State& state) { state.confirm = false; });
  client.admit(gpu, std::vector<ChunkHash>{4, 5});
  ASSERT_TRUE(
      eventually([&] { return a.with([](State& s) { return s.keys("gpu").size(); }) == 5; }));
  a.stop();
  become(b, test::leader(b.address(), 4));
  ASSERT_TRUE(client.flush(kLongMs));
  EXPECT_EQ(b.with([](State& state) { return state.keys("gpu"); }),
            (std::set<ChunkHash>{1, 2, 3, 4, 5}));
  EXPECT_EQ(client.counters().operationsResent, 0u);
  EXPECT_EQ(client.counters().registrations, 2u);
}

TEST(Controllers, NoTokenGoesWhereAControllerSendsAClient) {
  FakeController listed;
  FakeController foreign;
  become(listed, test::follower(foreign.address()));
  become(foreign, test::leader(foreign.address()));
  ClientThread thread;
  ClientOptions options = optionsFor(listed);
  options.security.token = "secret";
  Client client(thread, options);
  ASSERT_TRUE(
      eventually([&] { return listed.with([](State& state) { return state.connections; }) > 5; }));
  EXPECT_THAT(client.lastError(), HasSubstr("the leader is " + foreign.address()));
  EXPECT_THAT(client.lastError(), HasSubstr(listed.address()));
  EXPECT_EQ(foreign.with([](State& state) { return state.connections; }), 0u);
  become(listed, test::leader(listed.address()));
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
  EXPECT_EQ(foreign.with([](State& state) { return state.connections; }), 0u);
}

TEST(Controllers, OneThatHangsIsLeftForTheNext) {
  FakeController hanging;
  FakeController good;
  hanging.with([](State& state) { state.hangAuthenticate = true; });
  ClientThread thread;
  ClientOptions options = optionsFor(good);
  options.controller = listOf({&hanging, &good});
  options.callTimeoutMs = kLongMs;
  Client client(thread, options);
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
}

TEST(Controllers, ThoseThatKnowOfNoGroupAreTakenAsTheyAre) {
  FakeController a;
  FakeController b;
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b});
  Client client(thread, options);
  ASSERT_TRUE(reaches(client, ClientState::kRegistered));
  FakeController& taken = a.with([](State& s) { return s.registrations; }) == 1 ? a : b;
  FakeController& other = &taken == &a ? b : a;
  taken.stop();
  ASSERT_TRUE(
      eventually([&] { return other.with([](State& s) { return s.registrations; }) == 1; }));
  EXPECT_TRUE(reaches(client, ClientState::kRegistered));
}

TEST(Controllers, OneThatRefusesAWorkerIsLeftForTheNext) {
  FakeController strict;
  FakeController good;
  strict.with([](State& state) { state.registerError = "refused: chunks have other sizes here"; });
  good.with([](State& state) { state.authenticateError = "unavailable: starting"; });
  ClientThread thread;
  ClientOptions options = optionsFor(good);
  options.controller = listOf({&strict, &good});
  Client client(thread, options);
  const auto triesOf = [](FakeController& one) {
    return one.with([](State& state) { return state.connections; });
  };
  ASSERT_TRUE(eventually([&] { return triesOf(strict) > 2 && triesOf(good) > 2; }))
      << "it goes on, and asks again";
  good.with([](State& state) { state.authenticateError.clear(); });
  ASSERT_TRUE(reaches(client, ClientState::kRegistered));
  EXPECT_EQ(good.with([](State& state) { return state.registrations; }), 1u);
}

TEST(Controllers, AWorkerThatAllRefuseStopsAndSaysWhatEachSaid) {
  FakeController a;
  FakeController b;
  a.with([](State& state) { state.registerError = "refused: chunks have other sizes here"; });
  b.with([](State& state) { state.authenticateError = "denied: this token is a viewer's"; });
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b});
  Client client(thread, options);
  ASSERT_TRUE(reaches(client, ClientState::kRefused));
  EXPECT_THAT(client.lastError(),
              HasSubstr(a.address() + ": refused: chunks have other sizes here"));
  EXPECT_THAT(client.lastError(), HasSubstr(b.address() + ": denied: this token is a viewer's"));
  for (FakeController* one : {&a, &b}) {
    EXPECT_EQ(one->with([](State& state) { return state.connections; }), 1u);
  }
}

TEST(Controllers, WhatTheLeaderRefusesIsRefusedByWhoFollowsIt) {
  FakeController a;
  FakeController b;
  FakeController c;
  become(a, test::leader(a.address()));
  a.with([](State& state) { state.registerError = "refused: the fleet is full"; });
  become(b, test::follower(a.address()));
  become(c, test::follower(a.address()));
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b, &c});
  Client client(thread, options);
  ASSERT_TRUE(reaches(client, ClientState::kRefused));
  EXPECT_THAT(client.lastError(), HasSubstr(a.address() + ": refused: the fleet is full"));
  EXPECT_THAT(client.lastError(), HasSubstr(b.address() + " sends on to " + a.address()));
}

TEST(Controllers, WhatIsNotValidIsNotTriedElsewhere) {
  FakeController a;
  FakeController b;
  for (FakeController* one : {&a, &b}) {
    one->with([](State& state) { state.registerError = "invalid: the rank is over the limit"; });
  }
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b});
  Client client(thread, options);
  ASSERT_TRUE(reaches(client, ClientState::kRefused));
  const auto triesOf = [](FakeController& one) {
    return one.with([](State& state) { return state.connections; });
  };
  EXPECT_EQ(triesOf(a) + triesOf(b), 1u);
}

TEST(Controllers, TheLogSaysEachTroubleOnce) {
  FakeController a;
  FakeController b;
  become(a, test::follower(""));
  become(b, test::follower(""));
  std::mutex mutex;
  std::multiset<std::string> lines;
  ClientThread thread;
  ClientOptions options = optionsFor(a);
  options.controller = listOf({&a, &b});
  options.onLog = [&](ClientLogLevel, const std::string& line) {
    const std::lock_guard lock(mutex);
    lines.insert(line);
  };
  {
    Client client(thread, options);
    ASSERT_TRUE(
        eventually([&] { return a.with([](State& state) { return state.connections; }) > 5; }));
  }
  const std::lock_guard lock(mutex);
  EXPECT_EQ(lines.size(), 2u);
  for (const std::string& line : lines) EXPECT_EQ(lines.count(line), 1u) << line;
}

LookupClientOptions lookupOptions(const std::string& controllers) {
  LookupClientOptions options;
  options.controller = controllers;
  options.timeoutMs = kLongMs;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 20;
  return options;
}

TEST(Controllers, LookUpsAreSpreadOverThoseThatAreThere) {
  FakeController a;
  FakeController b;
  FakeController c;
  c.stop();
  ClientThread thread;
  LookupClient client(thread, lookupOptions(listOf({&a, &b, &c})));
  const auto lookups = [](FakeController& controller) {
    return controller.with([](State& state) { return state.lookups; });
  };
  ASSERT_TRUE(eventually([&] {
    EXPECT_TRUE(client.lookup({1, 2}).ok());
    return lookups(a) > 10 && lookups(b) > 10;
  }));
  a.stop();
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(client.lookup({1, 2}).ok());
}

TEST(Controllers, LookUpsPassOverWhoSaysThatItCannot) {
  FakeController stale;
  FakeController good;
  stale.with([](State& state) { state.lookupError = "unavailable: stale by 9 ms"; });
  ClientThread thread;
  LookupClient client(thread, lookupOptions(listOf({&stale, &good})));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.lookup({1, 2}).ok());
}

TEST(Controllers, LookUpsWaitForWhoCanWhileTheirTimeLasts) {
  FakeController a;
  FakeController b;
  for (FakeController* one : {&a, &b}) {
    one->with([](State& state) { state.lookupError = "unavailable: stale by 9 ms"; });
  }
  ClientThread thread;
  LookupClientOptions options = lookupOptions(listOf({&a, &b}));
  options.timeoutMs = 300;
  LookupClient hurried(thread, options);
  const auto answer = hurried.lookup({1});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(answer.error().message, HasSubstr("stale by 9 ms"));

  LookupClient patient(thread, lookupOptions(listOf({&a, &b})));
  AwaitedAnswer<LookupAnswer> awaited;
  patient.lookup({1}, {}, awaited.callback());
  ASSERT_TRUE(eventually([&] { return b.with([](State& s) { return s.lookups; }) > 3; }));
  b.with([](State& state) { state.lookupError.clear(); });
  EXPECT_TRUE(awaited.wait().ok());
}

TEST(Controllers, LookUpsPassOverWhoHangs) {
  FakeController hanging;
  FakeController good;
  hanging.with([](State& state) { state.hangLookups = true; });
  ClientThread thread;
  LookupClient client(thread, lookupOptions(listOf({&hanging, &good})));
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(client.lookup({1, 2}).ok());
  EXPECT_LE(hanging.with([](State& state) { return state.lookups; }), 1u)
      << "it is not asked again until it has answered";
}

TEST(Controllers, WhatOnlyTheLeaderKnowsIsAskedOfIt) {
  FakeController a;
  FakeController b;
  become(a, test::follower(b.address()));
  become(b, test::leader(b.address()));
  ClientThread thread;
  LookupClient client(thread, lookupOptions(listOf({&a, &b})));
  for (int i = 0; i < 6; ++i) {
    const auto status = client.status();
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(status.value().replica.role, "leader");
    EXPECT_TRUE(client.queryWorkers().ok());
  }
}

TEST(Controllers, AWrongTokenIsSaidAtOnce) {
  FakeController a;
  FakeController b;
  for (FakeController* one : {&a, &b}) {
    one->with([](State& state) { state.authenticateError = "unauthenticated: no such token"; });
  }
  ClientThread thread;
  LookupClient client(thread, lookupOptions(listOf({&a, &b})));
  const auto answer = client.lookup({1});
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kUnauthenticated);
}

}  // namespace
}  // namespace holdfast
