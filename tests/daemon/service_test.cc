// What whoever runs the daemon as a service is told, and what SIGHUP does.

#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>

#include "daemon_process.h"

namespace holdfast::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// Who listens at NOTIFY_SOCKET.
class Manager {
 public:
  // "@" begins an abstract name.
  explicit Manager(const std::string& name)
      : socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.starts_with('@')) address.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), size), 0);
  }
  ~Manager() { close(socket_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  // The next thing it is told.
  std::string next() {
    pollfd ready{.fd = socket_, .events = POLLIN, .revents = 0};
    const auto patience = std::chrono::milliseconds(kPatience).count();
    if (poll(&ready, 1, static_cast<int>(patience)) != 1) return "nothing";
    char buffer[4096];
    const ssize_t size = recv(socket_, buffer, sizeof(buffer), 0);
    return {buffer, static_cast<size_t>(std::max<ssize_t>(size, 0))};
  }
  // The next one that begins so.
  std::string next(const std::string& begin) {
    for (;;) {
      const std::string one = next();
      if (one.starts_with(begin) || one == "nothing") return one;
    }
  }

 private:
  int socket_;
};

class ServiceTest : public DaemonTest {
 protected:
  std::string file() const { return (directory / "holdfast.toml").string(); }
  void configure(const std::string& more) {
    std::ofstream(file()) << "data-dir = \"" << dataDir() << "\"\nlisten = \"127.0.0.1:0\"\n"
                          << more;
  }
  DaemonStart configured() { return {.arguments = {"--config", file()}, .environment = {}}; }
  // Waits for it.
  static void told(const DaemonProcess& daemon, const std::string& part) {
    EXPECT_TRUE(eventually([&]() { return daemon.log().find(part) != std::string::npos; }))
        << part << daemon.log();
  }
};

TEST_F(ServiceTest, TellsThatItStartsIsReadyReloadsAndStops) {
  const std::string abstract = "@holdfast-" + std::to_string(getpid());
  for (const std::string& name : {(directory / "notify").string(), abstract}) {
    Manager manager(name);
    DaemonStart what = onDataDir();
    what.environment = {{"NOTIFY_SOCKET", name}};
    const auto daemon = start(what);
    EXPECT_EQ(manager.next(), "STATUS=opening the store\nEXTEND_TIMEOUT_USEC=120000000");
    EXPECT_THAT(manager.next("READY=1"), HasSubstr("\nSTATUS=ready on " + daemon->address()));
    daemon->signal(SIGHUP);
    EXPECT_THAT(manager.next(), ContainsRegex("^RELOADING=1\nMONOTONIC_USEC=[0-9]+$"));
    EXPECT_THAT(manager.next(), StartsWith("READY=1"));
    daemon->signal(SIGTERM);
    EXPECT_THAT(manager.next(), StartsWith("STOPPING=1"));
    EXPECT_EQ(daemon->wait(), 0);
  }
}

TEST_F(ServiceTest, TellsTheWatchdogThatItsLoopTurns) {
  const std::string name = (directory / "notify").string();
  Manager manager(name);
  DaemonStart what = onDataDir();
  what.environment = {{"NOTIFY_SOCKET", name}, {"WATCHDOG_USEC", "200000"}};
  const auto daemon = start(what);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(manager.next("WATCHDOG=1"), "WATCHDOG=1");
}

TEST_F(ServiceTest, StartsWhereNobodyListensAtTheSocket) {
  DaemonStart what = onDataDir();
  what.environment = {{"NOTIFY_SOCKET", (directory / "nobody").string()}};
  EXPECT_EQ(ctl(start(what)->address(), "status").exitCode, 0);
  what.environment = {{"NOTIFY_SOCKET", std::string(500, 'x')}};
  EXPECT_EQ(ctl(start(what)->address(), "status").exitCode, 0);
}

TEST_F(ServiceTest, AHangUpReadsTheLogLevelAnew) {
  configure("log-level = \"info\"\n");
  const auto daemon = start(configured());
  const std::string address = daemon->address();
  configure("log-level = \"debug\"\nworkers-max = 7\n");
  daemon->signal(SIGHUP);
  told(*daemon, "configuration: read anew");
  EXPECT_EQ(ctl(address, "log-level").output, "debug\n");
  EXPECT_THAT(daemon->log(), HasSubstr("only a start takes this up: workers-max"));
}

TEST_F(ServiceTest, AHangUpWithAWrongFileChangesNothing) {
  configure("log-level = \"info\"\n");
  const auto daemon = start(configured());
  const std::string address = daemon->address();
  configure("log-level = \"debug\"\nlog-lvel = \"debug\"\n");
  daemon->signal(SIGHUP);
  told(*daemon, "configuration: not read anew, all of it stays as it was: holdfastd: " + file() +
                    ":4:1: there is no option \"log-lvel\"");
  EXPECT_EQ(ctl(address, "log-level").output, "info\n");
  std::filesystem::remove(file());
  daemon->signal(SIGHUP);
  told(*daemon, "cannot read the configuration file " + file() + ": No such file");
  std::filesystem::create_directory(file());
  daemon->signal(SIGHUP);
  told(*daemon, "cannot read the configuration file " + file() + ": Is a directory");
  EXPECT_EQ(ctl(address, "log-level").output, "info\n");
}

}  // namespace
}  // namespace holdfast::test
