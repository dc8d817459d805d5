// What people read who ask: a controller that is not there, or not well, or does not have what they
// name; output that is lost.

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "client/client.h"
#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

enum CtlExit { kCtlNotFound = 1, kCtlUsage = 2, kCtlUnreachable = 3, kCtlOutput = 8 };

// A port on which something listens that is no controller.
class Impostor {
 public:
  Impostor() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 16), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  // Sends every client `answer` when it has said something, and closes.
  explicit Impostor(const std::string& answer) : Impostor() {
    thread_ = std::thread([this, answer]() {
      for (int client = 0; (client = accept(listener_, nullptr, nullptr)) >= 0; close(client)) {
        char buffer[4096];
        if (read(client, buffer, sizeof(buffer)) <= 0 || answer.empty()) continue;
        EXPECT_EQ(write(client, answer.data(), answer.size()), ssize_t(answer.size()));
      }
    });
  }
  ~Impostor() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }
  Impostor(const Impostor&) = delete;
  Impostor& operator=(const Impostor&) = delete;

  const std::string& address() const { return address_; }

 private:
  int listener_;
  std::string address_;
  std::thread thread_;
};

// No library speaks to people.
void expectPlain(const std::string& output) {
  for (const char* raw : {"kj", "capnp", "rocksdb", "CLI", "params.", ".c++", "remote exception",
                          "errno", "expected ", "terminate", "std::", "INI"}) {
    EXPECT_THAT(output, Not(HasSubstr(raw)));
  }
}

class CtlTest : public DaemonTest {
 protected:
  // A controller of one instance "llama" with one rank, which holds ten chunks in "gpu".
  std::unique_ptr<DaemonProcess> startWithWorker() {
    auto daemon = startOnSocket();
    client_ = std::make_unique<Client>(
        thread_, ClientOptions{.controller = socketAddress(),
                               .instance = "llama",
                               .worker = 0,
                               .ip = "10.0.0.1",
                               .port = 1,
                               .peerUrl = {},
                               .model = {},
                               .labels = {{"zone", "eu-1a"}},
                               .worldSize = 1,
                               .hashing = {},
                               .locations = {{.name = "gpu", .contents = {}}}});
    client_->setLoad(0.25);
    const std::vector<ChunkHash> chunks = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    client_->admit(client_->location("gpu"), chunks);
    EXPECT_TRUE(client_->flush(60'000));
    return daemon;
  }
  // What holdfast-fleet says while it waits for a controller.
  std::string fleetWaits(const std::string& address) {
    const std::string out = (directory / "fleet").string();
    const CommandResult started = runCommand(std::string(HOLDFAST_FLEET) + " --controller '" +
                                             address + "' > " + out + " 2>&1 & echo $!");
    std::string text;
    eventually([&]() {
      std::ifstream in(out);
      text = {std::istreambuf_iterator<char>(in), {}};
      return text.find('\n') != std::string::npos;
    });
    kill(std::stoi(started.output), SIGKILL);
    return text;
  }
  std::string replayInto(const std::string& address) {
    const std::string log = (directory / "log" / "capture-00001").string();
    if (!std::filesystem::exists(log)) {
      const auto daemon = start(onDataDir({"--capture", (directory / "log").string()}));
      daemon->signal(SIGTERM);
      EXPECT_EQ(daemon->wait(), 0);
    }
    const CommandResult replayed =
        runCommand(std::string(HOLDFAST_REPLAY) + " " + log + " --into 'rpc:" + address + "'");
    EXPECT_EQ(replayed.exitCode, 3);
    return replayed.output;
  }

  ClientThread thread_;
  std::unique_ptr<Client> client_;
};

TEST_F(CtlTest, AddressesAreCheckedBeforeAnythingElse) {
  for (const std::string address : {"localhost", "http://localhost:7440", "::1:7440"}) {
    std::vector<CommandResult> results = {
        ctl(address, "status"),
        runCommand(std::string(HOLDFAST_FLEET) + " --controller '" + address + "'"),
        runCommand(std::string(HOLDFAST_REPLAY) + " none --into 'rpc:" + address + "'"),
        runCommand("HOLDFAST_CONTROLLER='" + address + "' " + HOLDFAST_CTL + " status"),
        runCommand(std::string(HOLDFASTD) + " --data-dir " + dataDir() + " --listen '" + address +
                   "'")};
    for (const CommandResult& result : results) {
      EXPECT_EQ(result.exitCode, kCtlUsage);
      EXPECT_THAT(result.output, HasSubstr("\"" + address + "\" is no address: "));
      EXPECT_THAT(result.output, HasSubstr("127.0.0.1:7440"));
      expectPlain(result.output);
    }
  }
  EXPECT_TRUE(!std::filesystem::exists(dataDir()) || std::filesystem::is_empty(dataDir()));
}

TEST_F(CtlTest, SaysWhyNoControllerIsReached) {
  const Impostor http("HTTP/1.0 400 Bad Request\r\nServer: x\r\n\r\n<html></html>");
  const Impostor mute("");
  const Impostor silent;
  const std::string file = (directory / "file").string();
  std::ofstream(file) << "precious";
  std::ofstream(directory / "stale") << "";
  {
    const auto killed = startOnSocket();
    killed->signal(SIGKILL);
    killed->wait();
  }
  struct Case {
    std::string address;
    std::string says;
  };
  const std::vector<Case> cases = {
      {"127.0.0.1:1", "connection refused, nothing listens there"},
      {"no-such-host.invalid:7440", "no address of the host \"no-such-host.invalid\" is found"},
      {http.address(), "is no controller: it does not speak its protocol"},
      {mute.address(), "the connection was closed before an answer came"},
      {"unix:" + (directory / "none").string(), "there is no such socket"},
      {"unix:" + file, "that file is no socket"},
      {socketAddress(), "its process has ended"},
  };
  for (const Case& one : cases) {
    const CommandResult asked = ctl(one.address, "status");
    EXPECT_EQ(asked.exitCode, kCtlUnreachable) << one.address;
    EXPECT_THAT(asked.output, HasSubstr(one.address));
    EXPECT_THAT(asked.output, HasSubstr(one.says));
    EXPECT_THAT(asked.output, HasSubstr("Is holdfastd running there?"));
    EXPECT_THAT(asked.output, HasSubstr("HOLDFAST_CONTROLLER"));
    expectPlain(asked.output);
  }
  const CommandResult waited = ctl(silent.address(), "--timeout 200ms status");
  EXPECT_EQ(waited.exitCode, kCtlUnreachable);
  EXPECT_THAT(waited.output, HasSubstr("accepts connections but does not answer: it is stopped"));
  expectPlain(waited.output);
  // The same sentences from the other programs.
  for (const size_t index : {size_t{0}, size_t{2}, size_t{6}}) {
    const std::string replayed = replayInto(cases[index].address);
    EXPECT_THAT(replayed, HasSubstr(cases[index].says));
    expectPlain(replayed);
  }
  const std::string fleet = fleetWaits(http.address());
  EXPECT_THAT(fleet, HasSubstr("does not speak its protocol"));
  expectPlain(fleet);
}

TEST_F(CtlTest, WithJsonErrorsAreJson) {
  const auto daemon = startWithWorker();
  const CommandResult away = ctl("127.0.0.1:1", "status --json");
  EXPECT_EQ(away.exitCode, kCtlUnreachable);
  EXPECT_THAT(away.output, testing::StartsWith("{"));
  EXPECT_THAT(away.output, HasSubstr("\"code\": \"unavailable\""));
  EXPECT_THAT(away.output, HasSubstr("\"message\": \"cannot reach"));
  const CommandResult unknown = ctl(socketAddress(), "drain nope --json");
  EXPECT_EQ(unknown.exitCode, kCtlNotFound);
  EXPECT_THAT(unknown.output, HasSubstr("\"code\": \"unknown\""));
  const CommandResult usage = ctl(socketAddress(), "stats --json");
  EXPECT_EQ(usage.exitCode, kCtlUsage);
  EXPECT_THAT(usage.output, HasSubstr("\"code\": \"invalid\""));
}

TEST_F(CtlTest, SeveralControllersAreAskedEachOrTheOneThatIsThere) {
  const auto daemon = startWithWorker();
  const std::string both = "127.0.0.1:1," + socketAddress();
  EXPECT_EQ(ctl(both, "status").exitCode, 0);
  EXPECT_EQ(ctl(socketAddress() + "," + socketAddress(), "status").exitCode, kCtlUsage);

  const CommandResult away = ctl(both, "replicas");
  EXPECT_EQ(away.exitCode, kCtlUnreachable);
  EXPECT_THAT(away.output, HasSubstr("AWAY"));
  EXPECT_THAT(away.output, HasSubstr("alone"));
  EXPECT_THAT(away.output, HasSubstr("nothing listens there"));
  const CommandResult json = ctl(both, "replicas --json");
  EXPECT_EQ(json.exitCode, kCtlUnreachable);
  EXPECT_THAT(json.output, HasSubstr("\"reachable\": false"));
  EXPECT_THAT(json.output, HasSubstr("\"role\": \"alone\""));
  EXPECT_THAT(json.output, HasSubstr("\"differ\": false"));
  EXPECT_EQ(ctl(socketAddress(), "replicas").exitCode, 0);

  const CommandResult alone = ctl(both, "step-down");
  EXPECT_EQ(alone.exitCode, 4);
  EXPECT_THAT(alone.output, HasSubstr("not in a group"));
  const CommandResult none = ctl("127.0.0.1:1,127.0.0.1:2", "status");
  EXPECT_EQ(none.exitCode, kCtlUnreachable);
  EXPECT_THAT(none.output, HasSubstr("127.0.0.1:2"));
  for (const CommandResult& one : {away, alone, none}) expectPlain(one.output);
}

TEST_F(CtlTest, AStoppedControllerIsNotWaitedForForEver) {
  const auto daemon = start(onDataDir());
  daemon->signal(SIGSTOP);
  for (const char* command : {"status", "workers", "lookup 1 2 3", "health llama",
                              "backup /tmp/never", "clear llama gpu"}) {
    const CommandResult asked = ctl(daemon->address(), std::string("--timeout 100ms ") + command);
    EXPECT_EQ(asked.exitCode, kCtlUnreachable) << command;
    EXPECT_THAT(asked.output, HasSubstr("accepts connections but does not answer: it is stopped"));
    EXPECT_THAT(asked.output, HasSubstr("--timeout"));
    expectPlain(asked.output);
  }
  daemon->signal(SIGCONT);
  EXPECT_EQ(ctl(daemon->address(), "status --timeout 1m").exitCode, 0);
  EXPECT_EQ(ctl(daemon->address(), "status --timeout soon").exitCode, kCtlUsage);
  EXPECT_EQ(ctl(daemon->address(), "status --timeout 0s").exitCode, kCtlUsage);
}

TEST_F(CtlTest, NamesThatAreNotThereHaveOneExitCode) {
  const auto daemon = startWithWorker();
  for (const char* command : {"workers --instance nope",
                              "workers --worker 9",
                              "instances --instance nope",
                              "sync nope 0",
                              "sync llama 9",
                              "sync llama 0 nope",
                              "forget nope 0",
                              "forget llama 9",
                              "drain nope",
                              "health nope",
                              "clear nope gpu",
                              "clear llama nope",
                              "pin nope gpu --hashes 1",
                              "pin llama nope --hashes 1",
                              "compress nope gpu cachegen",
                              "decompress llama nope cachegen",
                              "move llama gpu nope gpu",
                              "move llama gpu llama nope",
                              "check-finish nope",
                              "events --instance nope",
                              "pins --instance nope",
                              "pins --worker 9",
                              "pins --instance llama --location nope",
                              "query 10.9.9.9"}) {
    for (const char* json : {"", " --json"}) {
      const CommandResult asked = ctl(socketAddress(), std::string(command) + json);
      EXPECT_EQ(asked.exitCode, kCtlNotFound) << command << json << ": " << asked.output;
      expectPlain(asked.output);
    }
  }
  for (const char* command : {"workers --instance llama", "events --instance llama",
                              "pins --instance llama --worker 0 --location gpu", "query 10.0.0.1",
                              "instances", "diverged", "events", "pins"}) {
    EXPECT_EQ(ctl(socketAddress(), command).exitCode, 0) << command;
  }
}

TEST_F(CtlTest, InstancesSayWhereTheyAreAndWhetherLookUpsNameThem) {
  const auto daemon = startWithWorker();
  // flush() had a heartbeat sent, which told the load.
  for (const char* command : {"instances", "instances --instance llama"}) {
    const CommandResult text = ctl(socketAddress(), command);
    EXPECT_EQ(text.exitCode, 0);
    for (const char* part : {"llama", "0.25", "named", "10.0.0.1:1", "zone=eu-1a"}) {
      EXPECT_THAT(text.output, HasSubstr(part)) << command;
    }
  }
  const CommandResult json = ctl(socketAddress(), "instances --json");
  for (const char* part : {"\"instanceId\": \"llama\"", "\"drained\": false", "\"hidden\": \"no\"",
                           "\"ip\": \"10.0.0.1\"", "\"port\": 1", "\"zone\": \"eu-1a\"",
                           "\"load\": 0.25", "\"memberships\": 10", "\"state\": \"ACTIVE\""}) {
    EXPECT_THAT(json.output, HasSubstr(part));
  }
  const CommandResult found = ctl(socketAddress(), "lookup --hashes 1 2 --json");
  for (const char* part :
       {"\"ip\": \"10.0.0.1\"", "\"zone\": \"eu-1a\"", "\"load\": 0.25", "\"leftOut\": 0"}) {
    EXPECT_THAT(found.output, HasSubstr(part));
  }
  EXPECT_EQ(ctl(socketAddress(), "drain llama").exitCode, 0);
  EXPECT_THAT(ctl(socketAddress(), "instances").output, HasSubstr("hidden: drained"));
  EXPECT_THAT(ctl(socketAddress(), "instances --json").output, HasSubstr("\"drained\": true"));
  EXPECT_THAT(ctl(socketAddress(), "workers").output, HasSubstr("(drained)"));
  EXPECT_THAT(ctl(socketAddress(), "status").output, HasSubstr("1 instances drained"));
  EXPECT_THAT(ctl(socketAddress(), "status --json").output, HasSubstr("\"locationsHidden\": 1"));
  const CommandResult miss = ctl(socketAddress(), "lookup --hashes 1 2 --json");
  EXPECT_THAT(miss.output, HasSubstr("\"miss\": \"hidden\""));
  EXPECT_THAT(miss.output, HasSubstr("\"drained\": 1"));
}

TEST_F(CtlTest, LookupSaysWhyItFoundNobody) {
  const auto daemon = startWithWorker();
  const CommandResult text = ctl(socketAddress(), "lookup --hashes 77");
  EXPECT_EQ(text.exitCode, 0);
  EXPECT_THAT(text.output, HasSubstr("found nobody: "));
  EXPECT_THAT(text.output, HasSubstr("the first chunk"));
  const CommandResult json = ctl(socketAddress(), "lookup --hashes 77 --json");
  EXPECT_EQ(json.exitCode, 0);
  EXPECT_THAT(json.output, HasSubstr("\"layoutInfo\": []"));
  EXPECT_THAT(json.output, HasSubstr("\"miss\": "));
  EXPECT_THAT(json.output, HasSubstr("the first chunk"));
  const CommandResult found = ctl(socketAddress(), "lookup --hashes 1 2 77 --json");
  EXPECT_THAT(found.output, HasSubstr("\"instanceId\": \"llama\""));
  EXPECT_THAT(found.output, HasSubstr("\"miss\": \"none\""));
  EXPECT_THAT(found.output, HasSubstr("\"message\": \"\""));
}

TEST_F(CtlTest, HashingSaysThatNothingWasLearned) {
  const auto daemon = startWithWorker();
  const CommandResult text = ctl(socketAddress(), "hashing");
  EXPECT_EQ(text.exitCode, 0);
  EXPECT_THAT(text.output, HasSubstr("nothing was learned"));
  const CommandResult json = ctl(socketAddress(), "hashing --json");
  EXPECT_EQ(json.exitCode, 0);
  EXPECT_THAT(json.output, HasSubstr("\"models\": []"));
  EXPECT_THAT(json.output, HasSubstr("\"sourcesLeftOut\": 0"));
  const CommandResult lookup =
      ctl(socketAddress(), "lookup --lora sql --lora-path /a --salt tenant --json 1 2 3");
  EXPECT_THAT(lookup.output, HasSubstr("\"miss\": "));
}

TEST_F(CtlTest, LostOutputIsAnError) {
  const auto daemon = startOnSocket();
  EXPECT_EQ(ctl(socketAddress(), "status --check").exitCode, 0);
  for (const std::string& command :
       {std::string(HOLDFAST_CTL) + " --controller " + socketAddress() + " status",
        std::string(HOLDFAST_CTL) + " --controller " + socketAddress() + " status --json",
        std::string(HOLDFAST_CTL) + " --help", std::string(HOLDFASTD) + " --help",
        std::string(HOLDFASTD) + " --version", std::string(HOLDFAST_FLEET) + " --help",
        std::string(HOLDFAST_REPLAY) + " --help", std::string(HOLDFAST_INSPECT) + " --help",
        std::string(HOLDFAST_INSPECT) + " summary " + dataDir()}) {
    const CommandResult result = runCommand("( " + command + " > /dev/full )");
    EXPECT_NE(result.exitCode, 0) << command;
    EXPECT_THAT(result.output, HasSubstr("the output cannot be written")) << command;
  }
  EXPECT_EQ(runCommand("( " + std::string(HOLDFAST_CTL) + " --controller " + socketAddress() +
                       " status > /dev/full )")
                .exitCode,
            kCtlOutput);
  // A reader that is gone knows why.
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const CommandResult piped =
      runCommand("( " + std::string(HOLDFAST_CTL) + " --controller " + socketAddress() +
                 " status >&" + std::to_string(ends[1]) + " )");
  close(ends[1]);
  EXPECT_EQ(piped.exitCode, kCtlOutput);
  EXPECT_THAT(piped.output, IsEmpty());
}

}  // namespace
}  // namespace holdfast::test
