#include "os/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace holdfast {
namespace {

constexpr const char* kTwoMinutes = "EXTEND_TIMEOUT_USEC=120000000";

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

uint64_t numberOf(const std::string& text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// It may be meant for the process that started this one.
std::chrono::microseconds watchdogOfEnvironment() {
  const std::string pid = variable("WATCHDOG_PID");
  if (!pid.empty() && numberOf(pid) != static_cast<uint64_t>(getpid())) return {};
  return std::chrono::microseconds(numberOf(variable("WATCHDOG_USEC")));
}

// As the manager's clock has it.
uint64_t monotonicUs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

// A status is one line.
std::string line(std::string_view name, std::string_view value) {
  std::string text(name);
  for (const char c : value) text += c == '\n' ? ' ' : c;
  return text;
}

}  // namespace

ServiceManager::ServiceManager()
    : ServiceManager(variable("NOTIFY_SOCKET"), watchdogOfEnvironment()) {}

ServiceManager::ServiceManager(std::string socket, std::chrono::microseconds watchdog)
    : socket_(std::move(socket)), watchdog_(watchdog) {
  if (socket_.empty() || socket_.size() >= sizeof(sockaddr_un::sun_path)) return;
  fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

ServiceManager::~ServiceManager() {
  if (fd_ >= 0) close(fd_);
}

void ServiceManager::starting(std::string_view status) {
  tell(line("STATUS=", status) + "\n" + kTwoMinutes, true);
}

void ServiceManager::ready(std::string_view status) {
  tell("READY=1\n" + line("STATUS=", status), false);
}

void ServiceManager::reloading() {
  tell("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(monotonicUs()), false);
}

void ServiceManager::stopping(std::string_view status) {
  tell("STOPPING=1\n" + line("STATUS=", status), false);
}

void ServiceManager::alive() {
  if (fd_ < 0 || watchdog_.count() == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - toldAlive_ < watchdog_ / 2) return;
  toldAlive_ = now;
  tell("WATCHDOG=1", true);
}

void ServiceManager::tell(const std::string& state, bool mayBeLost) {
  if (fd_ < 0) return;
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path, socket_.data(), socket_.size());
  if (socket_.front() == '@') to.sun_path[0] = '\0';
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  // Whoever does not listen does not want to know.
  static_cast<void>(sendto(fd_, state.data(), state.size(),
                           MSG_NOSIGNAL | (mayBeLost ? MSG_DONTWAIT : 0),
                           reinterpret_cast<const sockaddr*>(&to), size));
}

}  // namespace holdfast
