#include "bench/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>
#include <utility>

namespace holdfast::bench {
namespace {

constexpr std::chrono::seconds kPatience{60};

std::filesystem::path newDirectory() {
  std::string pattern = std::filesystem::temp_directory_path() / "holdfast-bench-XXXXXX";
  return mkdtemp(pattern.data());
}

}  // namespace

DaemonProcess::DaemonProcess(std::vector<std::string> more)
    : directory_(newDirectory()), more_(std::move(more)) {}

DaemonProcess::~DaemonProcess() {
  kill();
  std::filesystem::remove_all(directory_);
}

void DaemonProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string DaemonProcess::log() const {
  std::ifstream in(directory_ / "log");
  return {std::istreambuf_iterator<char>(in), {}};
}

double processorSecondsOf(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
  const std::string stat{std::istreambuf_iterator<char>(in), {}};
  // Behind the name, which may have spaces: 11 fields, then ticks in user mode and in the kernel.
  std::istringstream fields(stat.substr(stat.rfind(')') + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0;
  double kernel = 0;
  fields >> user >> kernel;
  return (user + kernel) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

std::string DaemonProcess::tcpAddress() const {
  return addressBehind("ready on ");
}

std::string DaemonProcess::httpAddress() const {
  return addressBehind("HTTP on ");
}

std::string DaemonProcess::addressBehind(const std::string& words) const {
  const std::string text = log();
  const size_t begin = text.find("127.0.0.1:", text.find(words));
  return text.substr(begin, text.find_first_of(",: \n", begin + 10) - begin);
}

std::string DaemonProcess::start() {
  const std::filesystem::path binary =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "holdfastd";
  std::vector<std::string> arguments = {binary,     "--data-dir",  directory_ / "data", "--create",
                                        "--listen", "127.0.0.1:0", "--listen",          address()};
  if (std::find(more_.begin(), more_.end(), "--http") == more_.end()) {
    arguments.insert(arguments.end(), {"--http", "off"});
  }
  arguments.insert(arguments.end(), more_.begin(), more_.end());
  std::vector<char*> pointers;
  pointers.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const std::string logFile = directory_ / "log";
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int file = open(logFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    dup2(file, STDERR_FILENO);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (log().find("ready on ") == std::string::npos) {
    const bool ended = waitpid(pid_, nullptr, WNOHANG) == pid_;
    if (ended) pid_ = -1;
    if (ended || std::chrono::steady_clock::now() > deadline) {
      return binary.string() + " does not start: " + log();
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return {};
}

bool DaemonProcess::stop() {
  ::kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace holdfast::bench
