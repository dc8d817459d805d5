// Options, environment, configuration file, logs, signals.

#include <gmock/gmock.h>
#include <signal.h>

#include <fstream>
#include <regex>
#include <sstream>

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
      {{"--data-dir", data, "--lmcache-pull", "127.0.0.1:0"}, "go together"},
      {{"--data-dir", data, "--lmcache-pull", "localhost:0"}, "is no IP address with a port"},
      {{"--data-dir", data, "--lmcache-heartbeat", "127.0.0.1:0"}, "needs --lmcache-pull"},
      {{"--data-dir", data, "--lmcache-pull", "127.0.0.1:0", "--lmcache-reply", "127.0.0.1:0",
        "--lmcache-heartbeat", "0.0.0.0:8082"},
       "--lmcache-heartbeat-url"},
      {{"--data-dir", data, "--lmcache-allow", "10.0.0.0/33"}, "is no range of addresses"},
      {{"--data-dir", data, "--lmcache-gap", "mend"}, "--lmcache-gap"},
      {{"--data-dir", data, "--lmcache-model", "llama"}, "PATTERN=MODEL"},
      {{"--data-dir", data, "--lmcache-world-size", "llama=0"}, "PATTERN=N"},
      {{"--data-dir", data, "--replicate-nats", "127.0.0.1:1", "--capture", data},
       "--capture is not there in a group"},
      {{"--data-dir", data, "--replicate-nats", "127.0.0.1:1", "--listen", "0.0.0.0:0"},
       "--advertise"},
      {{"--data-dir", data, "--replicate-nats", "127.0.0.1:1", "--nats-cert", "file"},
       "--nats-cert and --nats-key go together"},
      {{"--data-dir", data, "--replicate-nats", "http://n1:4222"}, "nats://HOST:PORT"},
      {{"--data-dir", data, "--replicate-nats", "nats://n1:99999"}, "n1:99999"},
      {{"--data-dir", data, "--replicate-nats", "nats://"}, "nats://HOST:PORT"},
      {{"--data-dir", data, "--replicate-nats", "nats://me:secret@n1:4222"},
       "of the server \"n1:4222\" user and password are in the URL"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--cluster", "a.b"}, "--cluster \"a.b\""},
      {{"--data-dir", data, "--replicate-nats", "n1", "--advertise", "here"}, "--advertise: "},
      {{"--data-dir", data, "--replicate-nats", "n1", "--node", std::string(257, 'n')},
       "--node has 257 bytes, at most 256"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--advertise",
        std::string(252, 'a') + ":7440"},
       "--advertise has 257 bytes, at most 256"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--nats-user", "me"}, "go together"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--nats-ca", "/nowhere/ca"},
       "--nats-ca: /nowhere/ca cannot be read: No such file"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--lead-after", "50ms"}, "at least 200ms"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--join", "here"}, "--join: "},
      {{"--data-dir", data, "--replicate-nats", "n1", "--replica-token-file", "/nowhere/token"},
       "--replica-token-file: /nowhere/token cannot be read: No such file"},
      {{"--data-dir", data, "--replicate-nats", "n1", "--replica-tls-cert", "file"},
       "--replica-tls-cert and --replica-tls-key go together"},
      {{"--data-dir", data, "--join", "c1:7440"}, "name the servers of its log"},
      {{"--data-dir", data, "--cluster", "prod"}, "name the servers of its log"},
      {{"--data-dir", data, "--workers-max", "0"}, "--workers-max"},
      {{"--data-dir", data, "--default-model", ""}, "--default-model"},
      {{"--data-dir", data, "--log-format", "xml"}, "--log-format"},
      {{"--config", (directory / "missing.toml").string()}, "missing.toml: No such file"},
      {{"--config", directory.string()}, "Is a directory"},
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
  EXPECT_EQ(exitCodeOf(withFile(good + "[stores]\nwal-sync = \"always\"\n")), kUsage);
  EXPECT_EQ(exitCodeOf(withFile(good + "wal-sync = \"sometimes\"\n")), kUsage);
}

// Whoever wrote the file finds the fault by the message alone.
TEST_F(ConfigurationTest, ErrorsOfAFileNameLineAndColumn) {
  struct Case {
    std::string line;
    std::string says;
  };
  const std::vector<Case> cases = {
      {"chunk-sise = 16", ":2:1: there is no option \"chunk-sise\"; did you mean 'chunk-size'?"},
      {"[hashing]\nchunk-sise = 16", ":3:1: there is no option"},
      {"[repair]\nchunk-size = 16",
       ":3:1: chunk-size belongs in [hashing], or above the first table, not in [repair]"},
      {"chunk-size = 16\n[hashing]\nchunk-size = 32", ":4:1: chunk-size is set at "},
      {"chunk-size = 1.5", ":2:14: chunk-size wants a whole number"},
      {"chunk-size = true", ":2:14: chunk-size wants a whole number"},
      {"chunk-size = [16]", ":2:15: chunk-size wants one value, not a list"},
      {"chunk-size = \"many\"", ":2:1: --chunk-size cannot be 'many'"},
      {"chunk-size = { a = 1 }", ":2:"},
      {"workers-max = 0", ":2:1: --workers-max: Value 0 not in range"},
      {"create = 1", ":2:10: create wants true or false"},
      {"default-model = 7", ":2:17: default-model wants a text in quotes"},
      {"lost-grace = \"soon\"", ":2:1: --lost-grace: \"soon\" is no duration"},
      {"lost-grace = true", ":2:14: lost-grace wants a duration"},
      {"replay-timeout = \"25h\"", ":2:1: --replay-timeout: 25h is more than 1d"},
      {"capture-file-size = \"64 Mib\"\ncapture-retain = \"lots\"", ":3:1: --capture-retain"},
      {"capture-retain = \"1KiB\"", "1KiB is not between 1MiB and 1PiB"},
      {"listen = [\"127.0.0.1:0\", \"nowhere\"]", ":2:1: --listen"},
      {"listen = []", ":2:1: listen has an empty list"},
      {"lost-grace = 2026-01-01", ":2:14: \"lost-grace\" wants a text, a number"},
      {"config = \"other.toml\"", ":2:1: there is no option \"config\""},
      {"heartbeat-interval = \"1m\"",
       "--heartbeat-interval 1m is not below --heartbeat-timeout 30s: every worker would be LOST "
       "now and then (heartbeat-interval: "},
      {"lost-grace = 1h", ":2:"},
      {"default-model = \"a", "this is no TOML"},
      {"[[engine]]\nendpoint = \"tcp://e:5557\"", ":3:1: [[engine]]: instance id is empty"},
      {"[[engine]]\ninstance = \"a\"\nendpoint = \"e:5557\"", "neither tcp://HOST:PORT nor"},
      {"[[engine]]\ninstnce = \"a\"", ":3:1: an engine has no \"instnce\"; did you mean"},
      {"[[engine]]\nranks = 0", ":3:1: ranks wants a whole number from 1 to 1024"},
      {"[[engine]]\nbind = 1", ":3:1: bind wants true or false"},
      {"[[engine]]\ninstance = \"a\"\nendpoint = \"tcp://e:65535\"\nranks = 2",
       "there are no 2 ports"},
      {"[[engine]]\ninstance = \"a\"\nendpoint = \"tcp://e:1\"\n"
       "[[engine]]\ninstance = \"a\"\nendpoint = \"tcp://e:2\"",
       "instance \"a\" rank 0 is there twice"},
      {"[[store]]\ncreate = true", ":3:1: only [[engine]] may come several times"},
  };
  for (const Case& one : cases) {
    DaemonStart what = withFile("data-dir = \"" + dataDir() + "\"\n" + one.line + "\n");
    EXPECT_EQ(exitCodeOf(what), kUsage) << one.line;
    const std::string file = (directory / "holdfast.toml").string();
    EXPECT_THAT(lastLog(), HasSubstr(one.says)) << one.line;
    EXPECT_THAT(lastLog(), HasSubstr(file)) << one.line;
    what.arguments.emplace_back("--check-config");
    EXPECT_EQ(exitCodeOf(what), kUsage) << one.line;
    EXPECT_THAT(lastLog(), HasSubstr(one.says)) << one.line;
  }
  EXPECT_TRUE(hasNoStore());
}

TEST_F(ConfigurationTest, AWrongVariableIsNamed) {
  DaemonStart what = onDataDir();
  what.environment = {{"HOLDFAST_CHUNK_SIZE", "many"}};
  EXPECT_EQ(exitCodeOf(what), kUsage);
  EXPECT_THAT(lastLog(), HasSubstr("HOLDFAST_CHUNK_SIZE: --chunk-size cannot be 'many'"));
}

TEST_F(ConfigurationTest, SaysWhetherItIsRightWithoutAStore) {
  DaemonStart what = withFile("[store]\ndata-dir = \"" + dataDir() +
                              "\"\nwal-sync = \"always\"\ncreate = true\n[clients]\n"
                              "listen = [\"127.0.0.1:0\"]\nlost-grace = \"1h30m\"\n[repair]\n"
                              "full-sync-threshold = 1\nreplay-timeout = 7\n");
  what.arguments.emplace_back("--check-config");
  EXPECT_EQ(exitCodeOf(what), 0) << lastLog();
  EXPECT_EQ(lastLog(), "the configuration is right\n");
  EXPECT_TRUE(hasNoStore());
}

TEST_F(ConfigurationTest, EnginesAreTablesOfTheFile) {
  DaemonStart what = withFile("data-dir = \"" + dataDir() +
                              "\"\n[[engine]]\ninstance = \"llama-0\"\nranks = 2\n"
                              "endpoint = \"tcp://10.0.0.7:5557\"\n"
                              "replay = \"tcp://10.0.0.7:5657\"\nblock-size = 16\n"
                              "labels = [\"zone=a\"]\n[[engine]]\ninstance = \"llama-1\"\n"
                              "endpoint = \"ipc:///tmp/events\"\nbind = true\n");
  what.arguments.emplace_back("--check-config");
  EXPECT_EQ(exitCodeOf(what), 0) << lastLog();
}

TEST_F(ConfigurationTest, PrintsWhatIsInEffectAsAFileAndWhereItComesFrom) {
  DaemonStart what =
      withFile("data-dir = \"" + dataDir() + "\"\nlost-grace = \"90m\"\nworkers-max = 5\n");
  what.environment = {{"HOLDFAST_WORKERS_MAX", "6"},
                      {"HOLDFAST_LISTEN", "127.0.0.1:0,unix:/tmp/a \"quoted\" path"},
                      {"HOLDFAST_NONE_HASH", "18446744073709551615"},
                      {"HOLDFAST_HASH_ALGORITHM", "sha256_cbor_64bit"}};
  what.arguments.insert(what.arguments.end(),
                        {"--capture-retain", "1gib", "--create", "--print-config"});
  EXPECT_EQ(exitCodeOf(what), 0);
  const std::string printed = lastLog();
  const std::string file = (directory / "holdfast.toml").string();
  for (const std::string& line :
       {"data-dir = \"" + dataDir() + "\"  # " + file + ":1:1",
        "lost-grace = \"90m\"  # " + file + ":2:1",
        std::string("workers-max = 6  # HOLDFAST_WORKERS_MAX"),
        std::string("create = true  # the command line"),
        std::string("capture-retain = \"1gib\"  # the command line"),
        std::string("# capture = \"DIR\"  # not set"), std::string("full-syncs = 8  # default"),
        std::string(
            R"(listen = ["127.0.0.1:0", "unix:/tmp/a \"quoted\" path"]  # HOLDFAST_LISTEN)")}) {
    EXPECT_THAT(printed, HasSubstr(line + "\n"));
  }
  // Fed back it means the same.
  const auto values = [](const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
      lines.push_back(line.substr(0, line.find("  # ")));
    return lines;
  };
  DaemonStart again = withFile(printed);
  again.arguments.emplace_back("--print-config");
  EXPECT_EQ(exitCodeOf(again), 0) << lastLog();
  EXPECT_EQ(values(lastLog()), values(printed));
  EXPECT_TRUE(hasNoStore());
}

TEST_F(ConfigurationTest, TheSampleIsTheOneInTheTreeAndIsRight) {
  const CommandResult sample = runCommand(std::string(HOLDFASTD) + " --sample-config");
  EXPECT_EQ(sample.exitCode, 0);
  std::ifstream in(HOLDFASTD_SAMPLE);
  const std::string kept{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(kept, sample.output) << "holdfastd --sample-config > tools/deploy/holdfastd.toml";
  DaemonStart what = withFile(sample.output);
  what.arguments.emplace_back("--check-config");
  EXPECT_EQ(exitCodeOf(what), 0) << lastLog();
  // With every option that has a default taken in, too.
  std::string all;
  std::istringstream lines(sample.output);
  for (std::string line; std::getline(lines, line);) {
    // "#listen = [...]" has a default, "#capture = "DIR"" has none.
    static const std::regex kDefault(R"(#[a-z-]+ = (?!"[A-Z]*"$).*)");
    all += (std::regex_match(line, kDefault) ? line.substr(1) : line) + "\n";
  }
  what = withFile(all);
  what.arguments.emplace_back("--check-config");
  EXPECT_EQ(exitCodeOf(what), 0) << lastLog() << all;
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
      {{"--lmcache-pull", other->address(), "--lmcache-reply", "127.0.0.1:0"},
       kListen,
       "cannot listen on tcp://" + other->address()},
      {{"--lmcache-pull", "0.0.0.0:0", "--lmcache-reply", "127.0.0.1:0"},
       kListen,
       "knows neither tokens nor TLS"},
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
  EXPECT_THAT(lastLog(), HasSubstr("\"chunk-sise\"; did you mean 'chunk-size'?"));
  EXPECT_TRUE(hasNoStore());
}

TEST_F(ConfigurationTest, CtlChecksItsCommandLineFirst) {
  EXPECT_EQ(ctl("127.0.0.1:1", "lookup --hashes nonsense").exitCode, 2);
  EXPECT_EQ(ctl("127.0.0.1:1", "--help").exitCode, 0);
}

}  // namespace
}  // namespace holdfast::test
