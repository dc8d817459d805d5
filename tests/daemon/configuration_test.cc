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
constexpr int kCapture = 6;

class ConfigurationTest : public DaemonTest {
 protected:
  DaemonStart withFile(const std::string& text) {
    const std::filesystem::path file = directory / "holdfast.toml";
    std::ofstream(file) << text;
    return {.arguments = {"--config", file.string()}, .environment = {}};
  }
  bool hasNoStore() const {
    return !std::filesystem::exists(dataDir()) || std::filesystem::is_empty(dataDir());
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
  EXPECT_THAT(start(what)->log(),
              HasSubstr("HOLDFAST_LISTN names no option; did you mean 'HOLDFAST_LISTEN'?"));
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

// The data directory is not touched for what is sure to fail.
TEST_F(ConfigurationTest, ChecksEverythingBeforeItOpensTheStore) {
  std::filesystem::create_directory(directory / "other");
  const auto other = start({.arguments = {"--data-dir", (directory / "other").string(), "--listen",
                                          "127.0.0.1:0", "--listen", socketAddress()},
                            .environment = {}});
  const std::string file = (directory / "file").string();
  std::ofstream(file) << "precious";
  struct Case {
    std::vector<std::string> more;
    int exitCode;
    std::string says;
  };
  const std::vector<Case> cases = {
      {{"--listen", other->address()}, kListen, "another process listens there"},
      {{"--listen", socketAddress()}, kListen, "another process listens there"},
      {{"--listen", "unix:" + file}, kListen, "is no socket"},
      {{"--listen", "unix:" + file + "/s"}, kListen, "cannot listen on"},
      {{"--listen", "192.0.2.1:7440"}, kListen, "this machine has no such address"},
      {{"--listen", "no-such-host.invalid:7440"}, kListen, "no address of the host"},
      {{"--capture", file}, kCapture, "cannot capture into " + file},
      {{"--capture", "/proc/none/there"}, kCapture, "cannot capture into /proc/none/there"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(exitCodeOf(onDataDir(one.more)), one.exitCode) << one.says << lastLog();
    EXPECT_THAT(lastLog(), HasSubstr(one.says));
    EXPECT_TRUE(hasNoStore()) << one.says;
  }
}

TEST_F(ConfigurationTest, NamesTheNearestOfWhatIsMisspelt) {
  const std::string ctlProgram = std::string(HOLDFAST_CTL) + " ";
  const std::string inspectProgram = std::string(HOLDFAST_INSPECT) + " ";
  struct Case {
    std::string command;
    std::string says;
  };
  const std::vector<Case> cases = {
      {std::string(HOLDFASTD) + " --data-dri x",
       "no option '--data-dri'; did you mean '--data-dir'?"},
      {std::string(HOLDFASTD) + " --lisen=127.0.0.1:1 --data-dir " + dataDir(),
       "no option '--lisen'; did you mean '--listen'?"},
      {std::string(HOLDFASTD) + " --data-dir " + dataDir() + " --workers-max",
       "--workers-max: a value is missing"},
      {ctlProgram + "statsu", "no command 'statsu'; did you mean 'status'?"},
      {ctlProgram + "status --jsno", "no option '--jsno'; did you mean '--json'?"},
      {ctlProgram + "workers --instnace x", "no option '--instnace'; did you mean '--instance'?"},
      {ctlProgram + "capture onn", "no command 'onn'; did you mean 'on'?"},
      {ctlProgram + "lookup --timeout", "--timeout: a value is missing"},
      {ctlProgram + "zzz", "no command 'zzz'\n"},
      {ctlProgram, "a command is wanted"},
      {ctlProgram + "query", "ip is required"},
      {inspectProgram + "verfy DIR", "no command 'verfy'; did you mean 'verify'?"},
      {inspectProgram + "keys DIR --locaton gpu", "did you mean '--location'?"},
      {std::string(HOLDFAST_REPLAY) + " --int core LOG", "did you mean '--into'?"},
      {std::string(HOLDFAST_FLEET) + " --rate 5 --routng oracle", "did you mean '--routing'?"},
  };
  for (const Case& one : cases) {
    const CommandResult result = runCommand(one.command);
    EXPECT_EQ(result.exitCode, kUsage) << one.command;
    EXPECT_THAT(result.output, HasSubstr(one.says)) << one.command;
    EXPECT_THAT(result.output, HasSubstr("--help ")) << one.command;
  }
  const std::string good = "data-dir = \"" + dataDir() + "\"\n";
  EXPECT_EQ(exitCodeOf(withFile(good + "chunk-sise = 16\n")), kUsage);
  EXPECT_THAT(lastLog(), HasSubstr("'chunk-sise'; did you mean 'chunk-size'?"));
  EXPECT_TRUE(hasNoStore());
}

TEST_F(ConfigurationTest, CtlChecksItsCommandLineFirst) {
  EXPECT_EQ(ctl("127.0.0.1:1", "lookup --hashes nonsense").exitCode, 2);
  EXPECT_EQ(ctl("127.0.0.1:1", "--help").exitCode, 0);
}

}  // namespace
}  // namespace holdfast::test
