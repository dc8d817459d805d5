// Tokens from the command line to the log: made, given to a daemon, told of.

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "access/token_file.h"
#include "client/client.h"
#include "client/lookup_client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr int kMistaken = 2;
constexpr int kNotListening = 4;

// Options of a client of either kind.
void show(const std::string& token, auto& options) {
  options.security.token = token;
}

class DaemonAccessTest : public DaemonTest {
 protected:
  static CommandResult newToken(const std::string& arguments) {
    return runCommand(std::string(HOLDFAST_CTL) + " token new " + arguments);
  }
  // Mode 600.
  std::string tokenFile(const std::string& text, mode_t mode = 0600) {
    const std::string path = (directory / "tokens").string();
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
};

TEST_F(DaemonAccessTest, CtlMakesATokenAndItsLine) {
  const CommandResult made = newToken("worker llama-pool --instances 'llama-*,m' --json");
  ASSERT_EQ(made.exitCode, 0) << made.output;
  EXPECT_THAT(
      made.output,
      MatchesRegex("\\{\n  \"token\": \"hf_[0-9a-f]{64}\",\n  \"line\": \"worker llama-pool "
                   "[0-9a-f]{64} instances=llama-\\*,m\"\n\\}\n"));
  EXPECT_THAT(newToken("viewer grafana").output,
              AllOf(HasSubstr("\nhf_"), HasSubstr("\nviewer grafana ")));
  const struct {
    const char* arguments;
    const char* says;
  } wrong[] = {
      {"admin bob", "ROLE"},
      {"viewer", "NAME"},
      {"viewer 'a b'", "letters, digits"},
      {"viewer bob --instances x", "role worker only"},
  };
  for (const auto& one : wrong) {
    const CommandResult refused = newToken(one.arguments);
    EXPECT_EQ(refused.exitCode, kMistaken) << one.arguments;
    EXPECT_THAT(refused.output, HasSubstr(one.says));
    EXPECT_THAT(refused.output, Not(HasSubstr("hf_")));
  }
}

TEST_F(DaemonAccessTest, ListensOnTheNetworkOnlyWhereItIsSaidWhoMayComeIn) {
  const std::string tokens = tokenFile(lineOf({Role::kViewer, "v", hashOfToken("v"), {}}) + "\n");
  EXPECT_EQ(exitCodeOf(onDataDir({"--listen", "0.0.0.0:0"})), kNotListening);
  EXPECT_THAT(lastLog(), AllOf(HasSubstr("refusing to listen on 0.0.0.0:0"), HasSubstr("--tokens"),
                               HasSubstr("--auth off")));
  EXPECT_TRUE(std::filesystem::is_empty(dataDir()));
  {
    const auto daemon = start(onDataDir({"--listen", "0.0.0.0:0", "--tokens", tokens}));
    EXPECT_THAT(daemon->log(), Not(HasSubstr("authentication is off")));
    EXPECT_EQ(statusText(daemon->address(), "auth"), "tokens");
  }
  const auto daemon = start(onDataDir({"--listen", "0.0.0.0:0", "--auth", "off"}));
  EXPECT_THAT(daemon->log(), HasSubstr("authentication is off (--auth off)"));
  EXPECT_EQ(statusText(daemon->address(), "auth"), "off");
  EXPECT_THAT(ctl(daemon->address(), "status").output, HasSubstr("authentication is OFF"));
}

TEST_F(DaemonAccessTest, ATokenFileThatIsWrongIsSaidBeforeTheStoreIsTouched) {
  EXPECT_EQ(exitCodeOf(onDataDir({"--tokens", (directory / "none").string()})), kMistaken);
  EXPECT_THAT(lastLog(), HasSubstr("cannot read the token file"));
  const std::string nonsense = tokenFile("# who\nnonsense\n");
  EXPECT_EQ(exitCodeOf(onDataDir({"--tokens", nonsense})), kMistaken);
  EXPECT_THAT(lastLog(), HasSubstr(nonsense + ":2: "));
  EXPECT_TRUE(std::filesystem::is_empty(dataDir()));
  const std::string open =
      tokenFile(lineOf({Role::kViewer, "v", hashOfToken("v"), {}}) + "\n", 0644);
  EXPECT_THAT(start(onDataDir({"--tokens", open}))->log(), HasSubstr("chmod 600 " + open));
}

// The client library with tokens; what it is told is final.
TEST_F(DaemonAccessTest, ClientsAreToldWhyTheyAreNotLetIn) {
  const std::string file =
      tokenFile(lineOf({Role::kViewer, "v", hashOfToken("viewer-secret"), {}}) + "\n" +
                lineOf({Role::kWorker, "w", hashOfToken("worker-secret"), {"mistral-*"}}) + "\n");
  const auto daemon = start(onDataDir({"--tokens", file}));
  ClientThread thread;
  const auto lookUp = [&](const std::string& token) {
    LookupClientOptions options;
    options.controller = daemon->address();
    show(token, options);
    return LookupClient(thread, options).lookup({1});
  };
  EXPECT_TRUE(lookUp("").ok());
  EXPECT_EQ(lookUp("wrong").error().code, ErrorCode::kUnauthenticated);
  EXPECT_EQ(lookUp("viewer-secret").error().code, ErrorCode::kDenied);
  const auto whyRefused = [&](const std::string& token) {
    ClientOptions options;
    options.controller = daemon->address();
    show(token, options);
    options.instance = "llama-0";
    options.locations = {{.name = "gpu"}};
    Client client(thread, options);
    EXPECT_TRUE(eventually([&]() { return !client.lastError().empty(); })) << token;
    // A token may be let in at any time: the client tries again.
    EXPECT_EQ(client.state() == ClientState::kRefused, token != "wrong") << token;
    return client.lastError();
  };
  EXPECT_THAT(whyRefused("wrong"), HasSubstr("is not in this controller's token file"));
  EXPECT_THAT(whyRefused("viewer-secret"), HasSubstr("the role of a worker"));
  EXPECT_THAT(whyRefused("worker-secret"), HasSubstr("bound to other instances than \"llama-0\""));
}

// Neither the log, nor what is captured or stored, has what lets somebody in.
TEST_F(DaemonAccessTest, TokensAreWrittenNowhere) {
  const std::string file =
      tokenFile(lineOf({Role::kOperator, "o", hashOfToken("operator-secret"), {}}) + "\n");
  const std::string captures = (directory / "captures").string();
  const auto daemon =
      start(onDataDir({"--tokens", file, "--capture", captures, "--log-level", "debug"}));
  {
    ClientThread thread;
    ClientOptions options;
    options.controller = daemon->address();
    show("operator-secret", options);
    options.instance = "llama-0";
    options.locations = {{.name = "gpu"}};
    Client client(thread, options);
    client.admit(client.location("gpu"), std::vector<ChunkHash>{1, 2, 3});
    EXPECT_TRUE(client.flush(60'000)) << client.lastError();
    show("wrong-secret", options);
    Client wrong(thread, options);
    EXPECT_TRUE(eventually([&]() { return !wrong.lastError().empty(); }));
  }
  daemon->signal(SIGTERM);
  EXPECT_EQ(daemon->wait(), 0);
  EXPECT_THAT(daemon->log(), HasSubstr("access refused to 127.0.0.1:"));
  const CommandResult found = runCommand("grep -rl -e -secret " + directory.string());
  EXPECT_EQ(found.output, "");
}

// Who runs it is on the machine, and named by nothing but that.
TEST_F(DaemonAccessTest, TheLogSaysWhatOperatorsDid) {
  const auto daemon = start(onDataDir());
  EXPECT_NE(ctl(daemon->address(), "drain none").exitCode, 0);
  EXPECT_THAT(daemon->log(),
              HasSubstr("audit: Operator.drain instanceId=\"none\", without a token (127.0.0.1:"));
}

}  // namespace
}  // namespace holdfast::test
