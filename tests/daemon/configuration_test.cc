// Options, environment, configuration file, logs, signals.

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>

#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr int kUsage = 2;
constexpr int kListen = 4;

class ConfigurationTest : public DaemonTest {
 protected:
  DaemonStart withFile(const std::string& text) {
    const std::filesystem::path file = directory / "holdfast.toml";
    std::ofstream(file) << text;
    return {.arguments = {"--config", file.string()}, .environment = {}};
  }
};

TEST_F(ConfigurationTest, HelpTeachesAndVersionIsKnown) {
  const CommandResult help = runCommand(std::string(HOLDFASTD) + " --help");
  EXPECT_EQ(help.exitCode, 0);
  for (const char* part : {"Examples:", "--data-dir", "--create", "--listen", "HOLDFAST_LISTEN",
                           "Exit codes:", "holdfast-ctl status"}) {
    EXPECT_THAT(help.output, HasSubstr(part));
  }
  const CommandResult version = runCommand(std::string(HOLDFASTD) + " --version");
  EXPECT_EQ(version.exitCode, 0);
  EXPECT_THAT(version.output, MatchesRegex("holdfastd [0-9.]+\n"));
}

TEST_F(ConfigurationTest, RefusesWhatItDoesNotUnderstand) {
  struct Case {
    std::vector<std::string> arguments;
    std::string says;
  };
  const std::string data = dataDir();
  const std::vector<Case> cases = {
      {{}, "--data-dir is required"},
      {{"--data-dir", data, "--lisen", "127.0.0.1:1"}, "--lisen"},
      {{"--data-dir", data, "stray"}, "stray"},
      {{"--data-dir", data, "--chunk-size", "0"}, "chunk"},
      {{"--data-dir", data, "--chunk-size", "many"}, "--chunk-size"},
      {{"--data-dir", data, "--hash-algorithm", "md5"}, "--hash-algorithm"},
      {{"--data-dir", data, "--none-hash", "18446744073709551616"}, "--none-hash"},
      {{"--data-dir", data, "--heartbeat-timeout", "soon"}, "is no duration"},
      {{"--data-dir", data, "--heartbeat-timeout", "0s"}, "is no duration"},
      {{"--data-dir", data, "--heartbeat-interval", "1m", "--heartbeat-timeout", "30s"},
       "not below --heartbeat-timeout"},
      {{"--data-dir", data, "--wal-sync", "sometimes"}, "--wal-sync"},
      {{"--data-dir", data, "--workers-max", "0"}, "--workers-max"},
      {{"--data-dir", data, "--default-model", ""}, "--default-model"},
      {{"--data-dir", data, "--log-format", "xml"}, "--log-format"},
      {{"--config", (directory / "missing.toml").string()}, "missing.toml"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(exitCodeOf({.arguments = one.arguments, .environment = {}}), kUsage) << one.says;
    EXPECT_THAT(lastLog(), HasSubstr(one.says));
    EXPECT_THAT(lastLog(), HasSubstr("holdfastd --help"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(data));
}

TEST_F(ConfigurationTest, ReadsAFile) {
  const auto daemon =
      start(withFile("data-dir = \"" + dataDir() + "\"\nlisten = [\"127.0.0.1:0\", \"unix:" +
                     (directory / "s").string() + "\"]\nchunk-size = 16\n"));
  EXPECT_EQ(ctl("unix:" + (directory / "s").string(), "status").exitCode, 0);
  EXPECT_EQ(ctl(daemon->address(), "status").exitCode, 0);
}

TEST_F(ConfigurationTest, UnknownKeysOfAFileAreErrors) {
  const std::string good = "data-dir = \"" + dataDir() + "\"\nlisten = \"127.0.0.1:0\"\n";
  EXPECT_EQ(exitCodeOf(withFile(good + "chunk-sise = 16\n")), kUsage);
  EXPECT_THAT(lastLog(), HasSubstr("chunk-sise"));
  EXPECT_EQ(exitCodeOf(withFile(good + "[store]\nwal-sync = \"always\"\n")), kUsage);
  EXPECT_EQ(exitCodeOf(withFile(good + "wal-sync = \"sometimes\"\n")), kUsage);
}

TEST_F(ConfigurationTest, CommandLineWinsOverEnvironmentWinsOverFile) {
  DaemonStart what =
      withFile("data-dir = \"" + dataDir() + "\"\nlisten = \"0.0.0.0:0\"\nlog-format = \"text\"\n");
  EXPECT_EQ(exitCodeOf(what), kListen);
  what.environment = {{"HOLDFAST_LISTEN", "127.0.0.1:0,unix:" + (directory / "s").string()},
                      {"HOLDFAST_LOG_FORMAT", "json"}};
  {
    const auto daemon = start(what);
    EXPECT_THAT(daemon->log(), HasSubstr("{\"time\":"));
    EXPECT_EQ(ctl("unix:" + (directory / "s").string(), "status").exitCode, 0);
  }
  what.arguments.insert(what.arguments.end(), {"--log-format", "text"});
  const auto daemon = start(what);
  EXPECT_THAT(daemon->log(), Not(HasSubstr("{\"time\":")));
}

TEST_F(ConfigurationTest, WarnsOfVariablesThatNameNothing) {
  DaemonStart what = onDataDir();
  what.environment = {{"HOLDFAST_LISTN", "127.0.0.1:1"}};
  EXPECT_THAT(start(what)->log(), HasSubstr("HOLDFAST_LISTN names no option"));
}

TEST_F(ConfigurationTest, JsonLogsAreObjects) {
  const auto daemon = start(onDataDir({"--log-format", "json"}));
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  std::istringstream lines(daemon->log());
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_THAT(line,
                MatchesRegex(R"(\{"time":"[-0-9:.T+]+","level":"[a-z]+","message":"[^"]*"\})"));
  }
  EXPECT_GE(count, 3u);
}

TEST_F(ConfigurationTest, EndsCleanlyOnSignals) {
  for (const int number : {SIGTERM, SIGINT}) {
    const auto daemon = start(onDataDir());
    daemon->signal(number);
    EXPECT_EQ(daemon->wait(), 0) << daemon->log();
    EXPECT_THAT(daemon->log(), HasSubstr("ended"));
  }
}

TEST_F(ConfigurationTest, CtlNamesTheAddressThatItCannotReach) {
  const CommandResult refused = ctl("127.0.0.1:1", "status");
  EXPECT_EQ(refused.exitCode, 3);
  EXPECT_THAT(refused.output, HasSubstr("127.0.0.1:1: Connection refused"));
  EXPECT_THAT(refused.output, HasSubstr("--controller"));
  EXPECT_EQ(ctl("unix:" + (directory / "none").string(), "status").exitCode, 3);
  EXPECT_EQ(ctl("127.0.0.1:1", "statu").exitCode, 2);
  EXPECT_EQ(ctl("127.0.0.1:1", "lookup --hashes nonsense").exitCode, 2);
  EXPECT_EQ(ctl("127.0.0.1:1", "--help").exitCode, 0);
}

}  // namespace
}  // namespace holdfast::test
