// The log as people and programs read it.

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <sstream>

#include "client/client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

std::vector<std::string> linesOf(const std::string& log) {
  std::vector<std::string> lines;
  std::istringstream in(log);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

size_t countOf(const std::string& log, const std::string& part) {
  const std::vector<std::string> lines = linesOf(log);
  return static_cast<size_t>(std::count_if(lines.begin(), lines.end(), [&](const auto& line) {
    return line.find(part) != std::string::npos;
  }));
}

class LogTest : public DaemonTest {
 protected:
  // Registers, with one location.
  std::unique_ptr<Client> worker(ClientThread& thread, const std::string& controller,
                                 const std::string& instance, uint32_t rank) {
    ClientOptions options;
    options.controller = controller;
    options.instance = instance;
    options.worker = rank;
    options.locations = {{.name = "gpu", .contents = {}}};
    return std::make_unique<Client>(thread, options);
  }
  static void ended(DaemonProcess& daemon) {
    daemon.signal(SIGTERM);
    EXPECT_EQ(daemon.wait(), 0) << daemon.log();
  }
};

TEST_F(LogTest, BeginsWithWhatItIsAndHowItIsConfigured) {
  const auto daemon = start(onDataDir({"--workers-max", "77", "--fold-floor", "65536"}));
  const std::string first = linesOf(daemon->log()).front();
  EXPECT_THAT(first, ContainsRegex("^[0-9-]+ [0-9:]+\\.[0-9]{3} [+-][0-9:]+ info: holdfastd "
                                   "[0-9.]+ starts, pid " +
                                   std::to_string(daemon->pid()) + ": "));
  EXPECT_THAT(first, HasSubstr("data directory " + dataDir() + ", format "));
  EXPECT_THAT(first, HasSubstr("listening on 127.0.0.1:0, authentication local"));
  EXPECT_THAT(first, HasSubstr("--workers-max=77"));
}

TEST_F(LogTest, JsonLinesCarryTheFieldsOfNotices) {
  const auto daemon = start(onDataDir({"--log-format", "json"}));
  {
    ClientThread thread;
    const auto one = worker(thread, daemon->address(), "a \"quoted\" name", 3);
    ASSERT_TRUE(eventually([&]() { return one->state() == ClientState::kRegistered; }));
  }
  ended(*daemon);
  const std::string log = daemon->log();
  EXPECT_THAT(linesOf(log).front(),
              MatchesRegex(R"(\{"time":"[-0-9:.T+]+","level":"info","event":"starting",)"
                           R"("version":"[0-9.]+","pid":)" +
                           std::to_string(daemon->pid()) + R"(,.*,"message":"holdfastd .*"\})"));
  EXPECT_THAT(log, HasSubstr(R"("event":"worker_registered","instance":"a \"quoted\" name",)"
                             R"("worker":3,"known":"new",)"));
  EXPECT_THAT(log, HasSubstr(R"("event":"log","message":"ended"})"));
  // Each line by itself is JSON, with what every line has.
  const CommandResult read = runCommand(
      "python3 -c 'import json, sys\nfor line in open(sys.argv[1]): one = json.loads(line); "
      "one[\"time\"], one[\"level\"], one[\"event\"], one[\"message\"]' " +
      (directory / "log1").string());
  EXPECT_EQ(read.exitCode, 0) << read.output << log;
}

TEST_F(LogTest, ACrowdIsToldInPartAndCounted) {
  const auto daemon = start(onDataDir({"--log-format", "json"}));
  constexpr uint32_t kCrowd = 130;
  ClientThread thread;
  std::vector<std::unique_ptr<Client>> workers;
  for (uint32_t rank = 0; rank < kCrowd; ++rank) {
    workers.push_back(worker(thread, daemon->address(), "llama", rank));
  }
  ASSERT_TRUE(eventually([&]() {
    return std::all_of(workers.begin(), workers.end(),
                       [](const auto& one) { return one->state() == ClientState::kRegistered; });
  }));
  ended(*daemon);
  const std::string log = daemon->log();
  const size_t told = countOf(log, R"("event":"worker_registered")");
  EXPECT_GE(told, 100u);
  // Those of all intervals.
  size_t leftOut = 0;
  for (const std::string& line : linesOf(log)) {
    const std::string before = R"("event":"notices_left_out","of":"worker_registered","count":)";
    const size_t at = line.find(before);
    if (at != std::string::npos) leftOut += std::stoull(line.substr(at + before.size()));
  }
  EXPECT_EQ(told + leftOut, kCrowd) << log;
}

TEST_F(LogTest, ItsLevelIsSetWhileItRuns) {
  const auto daemon = start(onDataDir());
  const std::string address = daemon->address();
  EXPECT_EQ(ctl(address, "log-level").output, "info\n");
  EXPECT_EQ(ctl(address, "log-level error --json").output, "{\n  \"level\": \"error\"\n}\n");
  {
    ClientThread thread;
    const auto one = worker(thread, address, "unseen", 0);
    ASSERT_TRUE(eventually([&]() { return one->state() == ClientState::kRegistered; }));
    EXPECT_EQ(ctl(address, "log-level debug").output, "debug\n");
    const auto other = worker(thread, address, "seen", 0);
    ASSERT_TRUE(eventually([&]() { return other->state() == ClientState::kRegistered; }));
  }
  const CommandResult wrong = ctl(address, "log-level debgu");
  EXPECT_EQ(wrong.exitCode, 2);
  EXPECT_EQ(ctl(address, "log-level").output, "debug\n");
  ended(*daemon);
  EXPECT_THAT(daemon->log(), HasSubstr("'seen' worker 0 has registered"));
  EXPECT_THAT(daemon->log(), Not(HasSubstr("'unseen' worker 0 has registered")));
  EXPECT_THAT(daemon->log(), HasSubstr("of level error or above now, not info"));
}

}  // namespace
}  // namespace holdfast::test
