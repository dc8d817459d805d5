// holdfast-inspect, as a process of its own, on a store of 100 M memberships.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "bench/bench.h"
#include "bench/filled_store.h"

namespace holdfast::bench {
namespace {

struct Inspection {
  double seconds = 0;
  double residentMiB = 0;  // at its peak
  std::string error;
};

// The largest resident memory of a process so far, once it runs a program of its own.
double peakMiB(pid_t process) {
  const std::string files = "/proc/" + std::to_string(process);
  std::error_code gone;
  if (std::filesystem::read_symlink(files + "/exe", gone) ==
      std::filesystem::read_symlink("/proc/self/exe", gone)) {
    return 0;
  }
  std::ifstream status(files + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::atof(line.c_str() + 6) / 1024;
  }
  return 0;
}

// The binary beside this one; what it prints goes nowhere.
Inspection inspect(const std::string& command, const std::string& dataDir) {
  const std::string binary =
      std::filesystem::read_symlink("/proc/self/exe").parent_path() / "holdfast-inspect";
  Inspection inspection;
  const Stopwatch watch;
  const pid_t child = fork();
  if (child == 0) {
    dup2(open("/dev/null", O_WRONLY), STDOUT_FILENO);
    execl(binary.c_str(), binary.c_str(), command.c_str(), dataDir.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  // Its own peak, again and again until it is gone: what the system reports at its end includes
  // that of the process which it was forked from.
  while (waitpid(child, &status, WNOHANG) == 0) {
    inspection.residentMiB = std::max(inspection.residentMiB, peakMiB(child));
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  inspection.seconds = watch.seconds();
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    inspection.error = binary + " " + command + " failed";
  }
  return inspection;
}

std::string residentNote(const Inspection& inspection) {
  char text[80];
  std::snprintf(text, sizeof(text), "%.0f MiB resident", inspection.residentMiB);
  return text;
}

RunResult summary(const RunOptions& options) {
  const FilledStore& store = filledStore(options);
  if (!store.error.empty()) return failed(store.error);
  const Inspection inspection = inspect("summary", store.dataDir);
  if (!inspection.error.empty()) return failed(inspection.error);
  return {.value = inspection.seconds, .note = residentNote(inspection), .error = {}};
}

RunResult verify(const RunOptions& options) {
  const FilledStore& store = filledStore(options);
  if (!store.error.empty()) return failed(store.error);
  const Inspection inspection = inspect("verify", store.dataDir);
  if (!inspection.error.empty()) return failed(inspection.error);
  return {.value = static_cast<double>(store.memberships) / inspection.seconds / 1e6,
          .note = residentNote(inspection),
          .error = {}};
}

RunResult memory(const RunOptions& options) {
  const FilledStore& store = filledStore(options);
  if (!store.error.empty()) return failed(store.error);
  RunResult result;
  for (const char* command : {"summary", "verify"}) {
    const Inspection inspection = inspect(command, store.dataDir);
    if (!inspection.error.empty()) return failed(inspection.error);
    result.value = std::max(result.value, inspection.residentMiB);
  }
  return result;
}

}  // namespace

std::vector<Row> inspectRows() {
  return {
      {.name = "inspect_summary",
       .what = "holdfast-inspect summary, 100 workers x 1 M chunks",
       .unit = "s",
       .floor = 5,
       .aim = 2,
       .better = Better::kLower,
       .run = summary},
      {.name = "inspect_verify",
       .what = "holdfast-inspect verify, the same store",
       .unit = "M/s",
       .floor = 20,
       .aim = 40,
       .better = Better::kHigher,
       .run = verify},
      {.name = "inspect_memory",
       .what = "resident memory of either at its peak",
       .unit = "MiB",
       .floor = 1024,
       .aim = 512,
       .better = Better::kLower,
       .run = memory},
  };
}

}  // namespace holdfast::bench
