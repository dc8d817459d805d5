#include "daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>

namespace holdfast::test {
namespace {

constexpr uid_t kNobody = 65534;

std::string contentsOf(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

[[noreturn]] void becomeDaemon(int log, const DaemonStart& start) {
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  setenv("HOLDFAST_HTTP", "off", 1);  // its default port is one for all daemons
  for (const auto& [name, value] : start.environment) setenv(name.c_str(), value.c_str(), 1);
  if (start.files != 0) {
    const rlimit files{.rlim_cur = start.files, .rlim_max = start.files};
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) _exit(126);
  }
  if (start.asNobody && setresuid(kNobody, kNobody, kNobody) != 0) _exit(126);
  std::vector<std::string> arguments = {HOLDFASTD};
  arguments.insert(arguments.end(), start.arguments.begin(), start.arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(HOLDFASTD, pointers.data());
  _exit(127);
}

}  // namespace

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

DaemonProcess::DaemonProcess(const std::filesystem::path& logFile, const DaemonStart& start)
    : logFile_(logFile) {
  const int log = open(logFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  pid_ = fork();
  if (pid_ == 0) becomeDaemon(log, start);
  close(log);
}

DaemonProcess::~DaemonProcess() {
  if (!running()) return;
  kill(pid_, SIGKILL);
  wait();
}

bool DaemonProcess::running() {
  if (status_) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = status;
  return false;
}

bool DaemonProcess::ready() {
  eventually([&]() { return log().find("ready on ") != std::string::npos || !running(); });
  return running();
}

std::string DaemonProcess::address() const {
  const std::string text = log();
  const size_t ready = text.find("ready on ");
  const size_t begin = text.find("127.0.0.1:", ready);
  if (ready == std::string::npos || begin == std::string::npos) return {};
  return text.substr(begin, text.find_first_of(",: ", text.find(':', begin) + 1) - begin);
}

void DaemonProcess::signal(int number) const {
  kill(pid_, number);
}

int DaemonProcess::wait() {
  eventually([&]() { return !running(); });
  if (!status_) return -1000;
  return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : -WTERMSIG(*status_);
}

std::string DaemonProcess::log() const {
  return contentsOf(logFile_);
}

CommandResult runCommand(const std::string& command) {
  CommandResult result;
  FILE* pipe = popen((command + " 2>&1").c_str(), "r");
  std::array<char, 4096> buffer{};
  size_t got = 0;
  while ((got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0) {
    result.output.append(buffer.data(), got);
  }
  const int status = pclose(pipe);
  result.exitCode = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  return result;
}

CommandResult ctl(const std::string& controller, const std::string& arguments) {
  return runCommand(std::string(HOLDFAST_CTL) + " --controller '" + controller + "' " + arguments);
}

std::string statusText(const std::string& controller, const std::string& key) {
  const std::string status = ctl(controller, "status --json").output;
  const std::string label = "\"" + key + "\": ";
  const size_t at = status.find(label);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << key << " in " << status;
    return {};
  }
  std::string value = status.substr(at + label.size());
  value.erase(value.find('\n'));
  if (value.ends_with(',')) value.pop_back();
  if (value.starts_with('"')) value = value.substr(1, value.size() - 2);
  return value;
}

uint64_t statusNumber(const std::string& controller, const std::string& key) {
  const std::string text = statusText(controller, key);
  return text.empty() ? 0 : std::stoull(text);
}

DaemonTest::DaemonTest() {
  std::string pattern = std::filesystem::temp_directory_path() / "holdfast-daemon-XXXXXX";
  directory = mkdtemp(pattern.data());
  // For daemons that run as nobody.
  std::filesystem::permissions(
      directory, std::filesystem::perms::others_exec | std::filesystem::perms::others_read,
      std::filesystem::perm_options::add);
  std::filesystem::create_directory(dataDir());
}

DaemonTest::~DaemonTest() {
  std::filesystem::remove_all(directory);
}

DaemonStart DaemonTest::onDataDir(const std::vector<std::string>& more) const {
  DaemonStart start{.arguments = {"--data-dir", dataDir(), "--listen", "127.0.0.1:0"},
                    .environment = {}};
  start.arguments.insert(start.arguments.end(), more.begin(), more.end());
  return start;
}

std::filesystem::path DaemonTest::nextLog() {
  return directory / ("log" + std::to_string(++logs_));
}

std::unique_ptr<DaemonProcess> DaemonTest::start(const DaemonStart& what) {
  auto daemon = std::make_unique<DaemonProcess>(nextLog(), what);
  EXPECT_TRUE(daemon->ready()) << daemon->log();
  return daemon;
}

std::unique_ptr<DaemonProcess> DaemonTest::startOnSocket() {
  DaemonStart what;
  what.arguments = {"--data-dir", dataDir(), "--listen", socketAddress()};
  return start(what);
}

int DaemonTest::exitCodeOf(const DaemonStart& what) {
  DaemonProcess daemon(nextLog(), what);
  return daemon.wait();
}

std::string DaemonTest::lastLog() const {
  return contentsOf(directory / ("log" + std::to_string(logs_)));
}

}  // namespace holdfast::test
