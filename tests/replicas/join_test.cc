// New controllers of a group get their content by themselves, while the others work on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "access/token_file.h"
#include "tests/replicas/group_test.h"
#include "tests/support/relay.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr int kGroupEnd = 9;

class JoinTest : public GroupTest {
 protected:
  // A leader with content that no log has: it was alone until now.
  void startFilledLeader(Workers& all) {
    DaemonStart alone;
    alone.arguments = {"--data-dir", dataOf(0).string(), "--create", "--listen", addressOf(0)};
    nodes_[0] = start(alone);
    fs::create_symlink(socketOf(0), directory / "leader");
    all = workers();
    workFor(all, 200);
    truthOf(all);
    kill(0, SIGTERM);
    startNode(0);
    ASSERT_EQ(awaitLeader(), 0u);
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory / name) << text << "\n";
    return (directory / name).string();
  }
  bool comes(size_t node) const {
    std::error_code none;
    const fs::path staged = dataOf(node) / "joining";
    return fs::is_directory(staged, none) && !fs::is_empty(staged, none);
  }
};

TEST_F(JoinTest, ANewControllerBeginsWithACopyWhileReportsGoOn) {
  Workers all;
  startFilledLeader(all);
  workFor(all, 200);
  startNode(1, "1h", {"--join", addressOf(0)});
  ASSERT_TRUE(nodes_[1]->ready()) << logs();
  workFor(all, 200);
  const std::string truth = truthOf(all);
  expectAllHold(truth);
  EXPECT_THAT(nodes_[1]->log(), HasSubstr("the store is a copy of that of " + addressOf(0)));
  EXPECT_THAT(nodes_[0]->log(),
              AllOf(HasSubstr("a copy of the store for"), HasSubstr("the copy of the store for")));
  const CommandResult same = ctl(addressOf(0) + "," + addressOf(1), "replicas");
  EXPECT_EQ(same.exitCode, 0) << same.output;
  EXPECT_TRUE(eventually([&] { return fs::is_empty(dataOf(0) / "copies"); }));

  // The third asks the follower, though it is named behind the leader.
  startNode(2, "1h", {"--join", addressOf(0) + "," + addressOf(1)});
  ASSERT_TRUE(nodes_[2]->ready()) << logs();
  EXPECT_THAT(nodes_[2]->log(), HasSubstr("the store is a copy of that of " + addressOf(1)));
  expectAllHold(truth);

  // It has content now, and is asked for nothing more.
  kill(2, SIGKILL);
  startNode(2, "1h", {"--join", addressOf(0)});
  ASSERT_TRUE(nodes_[2]->ready()) << logs();
  EXPECT_THAT(nodes_[2]->log(), AllOf(HasSubstr("has a store: nobody is asked for a copy"),
                                      Not(HasSubstr("copying"))));
  expectAllHold(truth);
  expectNothingSentAgain(all);
}

TEST_F(JoinTest, ACopyThatIsKilledHalfWayIsBegunAnew) {
  Workers all;
  startFilledLeader(all);
  Relay relay(addressOf(0));
  relay.holdAfter(64 << 10);
  launchNode(1, {"--join", relay.address()});
  ASSERT_TRUE(eventually([&] { return comes(1); })) << logs();
  kill(1, SIGKILL);
  EXPECT_FALSE(fs::exists(dataOf(1) / "CURRENT")) << "half a copy is no store";
  EXPECT_TRUE(comes(1)) << "nothing was left half way";
  relay.resume();
  workFor(all, 100);
  startNode(1, "1h", {"--join", relay.address()});
  ASSERT_TRUE(nodes_[1]->ready()) << logs();
  EXPECT_FALSE(fs::exists(dataOf(1) / "joining"));
  expectAllHold(truthOf(all));
}

// Its disk is as it was when it is started without the option.
TEST_F(JoinTest, HalfACopyIsNoStore) {
  Workers all;
  startFilledLeader(all);
  Relay relay(addressOf(0));
  relay.holdAfter(64 << 10);
  launchNode(1, {"--join", relay.address()});
  ASSERT_TRUE(eventually([&] { return comes(1); })) << logs();
  nodes_[1]->signal(SIGTERM);
  EXPECT_EQ(nodes_[1]->wait(), 0) << logs();
  for (const auto& entry : fs::directory_iterator(dataOf(1))) {
    EXPECT_EQ(entry.path().filename(), "LOCK") << "left behind";
  }
}

TEST_F(JoinTest, ATokenThatIsNotRightIsRefused) {
  more_ = {"--tokens",
           write("tokens", lineOf({Role::kReplica, "c2", hashOfToken("right"), {}}) + "\n" +
                               lineOf({Role::kViewer, "grafana", hashOfToken("viewer"), {}}))};
  startNode(0);
  ASSERT_EQ(awaitLeader(), 0u);
  const auto endOf = [&](const std::string& token) {
    const auto start =
        onNode(1, "1h", {"--join", addressOf(0), "--replica-token-file", write("token", token)});
    EXPECT_EQ(exitCodeOf(start), kGroupEnd);
    return lastLog();
  };
  EXPECT_THAT(endOf("wrong"),
              AllOf(HasSubstr("no controller of --join gives a copy of its store: " + addressOf(0)),
                    HasSubstr("the token that was sent is not in this controller's token file"),
                    HasSubstr("--replica-token-file")));
  EXPECT_THAT(endOf("viewer"), HasSubstr("the token 'grafana' has the role viewer, which does not "
                                         "include copies of the store"));
  startNode(1, "1h", {"--join", addressOf(0), "--replica-token-file", write("token", "right")});
  EXPECT_TRUE(nodes_[1]->ready()) << logs();
  EXPECT_THAT(nodes_[0]->log(), HasSubstr("a copy of the store for 'c2'"));
}

// All of a new group may be started alike: nobody waits for a copy of nothing.
TEST_F(JoinTest, ANewGroupBeginsWithNothing) {
  const std::string others = addressOf(0) + "," + addressOf(1) + "," + addressOf(2);
  for (size_t node = 0; node < kControllers; ++node) startNode(node, "4s", {"--join", others});
  ASSERT_NE(awaitLeader(), kNoLeader);
  for (size_t node = 0; node < kControllers; ++node) EXPECT_TRUE(nodes_[node]->ready()) << logs();
  Workers all = workers();
  workFor(all, 100);
  expectAllHold(truthOf(all));
}

// Nothing comes to the follower for long, but the leader is well, and says so.
TEST_F(JoinTest, ALeaderWhoseLogIsSlowToAFollowerLeadsOn) {
  startNode(0);
  ASSERT_EQ(awaitLeader(), 0u);
  Workers all = workers();
  workFor(all, 100);
  truthOf(all);  // they rest: however long the next start takes, the log keeps its first record
  std::vector<std::unique_ptr<Relay>> slow;
  log_.clear();
  for (const std::string& server : servers_.options().servers) {
    slow.push_back(std::make_unique<Relay>(server.substr(server.find("//") + 2)));
    log_.push_back("nats://" + slow.back()->address());
  }
  startNode(1, "200ms");
  ASSERT_TRUE(nodes_[1]->ready()) << logs();
  expectAllHold(truthOf(all));
  for (const auto& relay : slow) relay->hold();
  EXPECT_TRUE(eventually([&] { return says(1, "answers that it leads epoch 1"); })) << logs();
  for (const auto& relay : slow) relay->resume();
  workFor(all, 200);
  expectAllHold(truthOf(all));
  EXPECT_FALSE(says(1, "wants to lead")) << logs();
  expectNothingSentAgain(all);
}

}  // namespace
}  // namespace holdfast::test
