// The real binaries: a daemon in a process of its own, and holdfast-ctl to ask it.
#pragma once

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::test {

// How long anything may take before a test fails; generous, for sanitizers on a busy machine.
inline constexpr std::chrono::seconds kPatience{60};

// Looks again and again until it is true; false when the patience is over.
bool eventually(const std::function<bool()>& condition);

struct DaemonStart {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> environment;
  bool asNobody = false;  // drop root, for tests of permissions
  rlim_t files = 0;       // that it may open; 0: as many as this process
};

// A process of holdfastd with its log in a file. Killed by the destructor.
class DaemonProcess {
 public:
  DaemonProcess(const std::filesystem::path& logFile, const DaemonStart& start);
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // Waits for the ready line; false if the process ended or the patience did.
  bool ready();
  // The first TCP address of the ready line.
  std::string address() const;
  void signal(int number) const;
  pid_t pid() const { return pid_; }
  bool running();
  // Waits for the end; the exit code, or minus the signal that ended it.
  int wait();
  std::string log() const;

 private:
  std::filesystem::path logFile_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct CommandResult {
  int exitCode = 0;
  std::string output;  // of both streams
};
// A shell command line.
CommandResult runCommand(const std::string& command);
CommandResult ctl(const std::string& controller, const std::string& arguments);
// A number, or a text, of `holdfast-ctl status --json`.
uint64_t statusNumber(const std::string& controller, const std::string& key);
std::string statusText(const std::string& controller, const std::string& key);

// A directory with an empty one for the daemon's data, its log and its socket.
class DaemonTest : public testing::Test {
 protected:
  DaemonTest();
  ~DaemonTest() override;

  std::string dataDir() const { return (directory / "data").string(); }
  // Arguments for a daemon on dataDir() and a free port, and what is added.
  DaemonStart onDataDir(const std::vector<std::string>& more = {}) const;
  std::unique_ptr<DaemonProcess> start(const DaemonStart& what);
  // The same on an address that stays, so that clients come back to the next one.
  std::unique_ptr<DaemonProcess> startOnSocket();
  std::string socketAddress() const { return "unix:" + (directory / "socket").string(); }
  // One that is expected to end by itself: its exit code; the log is in lastLog().
  int exitCodeOf(const DaemonStart& what);
  std::string lastLog() const;

  std::filesystem::path directory;

 private:
  std::filesystem::path nextLog();
  int logs_ = 0;
};

}  // namespace holdfast::test
