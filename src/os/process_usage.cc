#include "os/process_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <utility>

namespace holdfast {
namespace {

double secondsOf(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// When the machine was started, since the epoch. Read once: the kernel derives it from the clock,
// and it moves by a second now and then.
double bootSeconds() {
  static const double seconds = [] {
    std::ifstream file("/proc/stat");
    std::string word;
    double value = 0;
    while (file >> word) {
      if (word == "btime") {
        file >> value;
        break;
      }
      file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
    }
    return value;
  }();
  return seconds;
}

}  // namespace

ProcessUsage processUsage() {
  ProcessUsage usage;
  rusage resources{};
  if (getrusage(RUSAGE_SELF, &resources) == 0) {
    usage.cpuSeconds = secondsOf(resources.ru_utime) + secondsOf(resources.ru_stime);
  }
  rlimit files{};
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) usage.filesMax = files.rlim_cur;

  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The name of the program, which may hold anything, stands in parentheses before the numbers.
  const size_t name = line.rfind(')');
  if (name == std::string::npos) return usage;
  std::istringstream fields(line.substr(name + 1));
  // Numbered as in proc(5): the first after the name is the third.
  constexpr int kStartTime = 22;
  constexpr int kVirtualBytes = 23;
  constexpr int kResidentPages = 24;
  std::string field;
  for (int number = 3; number <= kResidentPages && fields >> field; ++number) {
    if (number < kStartTime) continue;
    const uint64_t value = std::stoull(field);
    if (number == kStartTime) {
      usage.startTimeSeconds =
          bootSeconds() + static_cast<double>(value) / static_cast<double>(sysconf(_SC_CLK_TCK));
    } else if (number == kVirtualBytes) {
      usage.virtualBytes = value;
    } else if (number == kResidentPages) {
      usage.residentBytes = value * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    }
  }
  return usage;
}

OpenFileCount::OpenFileCount()
    : directory_(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}

OpenFileCount::~OpenFileCount() {
  if (directory_ >= 0) close(directory_);
}

// Not readdir(), which asks the kernel for more than a thousand at a time.
bool OpenFileCount::next() {
  if (directory_ < 0) return false;
  alignas(dirent64) char entries[2048];
  const ssize_t bytes = getdents64(directory_, entries, sizeof entries);
  for (ssize_t at = 0; at < bytes;) {
    const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
    if (entry->d_name[0] != '.') ++count_;
    at += entry->d_reclen;
  }
  if (bytes > 0) return true;
  close(std::exchange(directory_, -1));
  // It was open itself.
  if (count_ > 0) --count_;
  return false;
}

}  // namespace holdfast
