#include "tests/format/inspection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace holdfast::test {

Ran runInspect(const std::string& arguments) {
  return runCommand(HOLDFAST_INSPECT " " + arguments);
}

bool killInspect(const std::vector<std::string>& arguments, uint64_t microseconds) {
  std::vector<std::string> all = {HOLDFAST_INSPECT};
  all.insert(all.end(), arguments.begin(), arguments.end());
  std::vector<char*> pointers;
  for (std::string& argument : all) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    const int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    execv(pointers[0], pointers.data());
    _exit(127);
  }
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
  kill(child, SIGKILL);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return true;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return false;
}

inspect::RegistryView view(const std::string& dataDir) {
  const auto reader = StoreReader::open(dataDir);
  if (!reader.ok()) {
    ADD_FAILURE() << reader.error().message;
    return {};
  }
  EXPECT_EQ(reader.value()->formatError(), "");
  text::Progress progress;
  return inspect::viewRegistry(*reader.value(), progress);
}

uint64_t expectWell(const std::string& dataDir) {
  const auto reader = StoreReader::open(dataDir);
  if (!reader.ok()) {
    ADD_FAILURE() << reader.error().message;
    return 0;
  }
  EXPECT_EQ(reader.value()->damage(), "");
  text::Progress progress;
  const auto outcome = inspect::verify(*reader.value(), {}, progress);
  for (const auto& finding : outcome.findings) {
    if (finding.severity == inspect::Severity::kNote) continue;
    ADD_FAILURE() << describe(finding.place) << ": " << finding.what << " [" << finding.kind << "]";
  }
  return outcome.keys;
}

uint32_t formatOf(const std::string& dataDir) {
  const auto reader = StoreReader::open(dataDir);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  return reader.ok() ? reader.value()->format().version : 0;
}

}  // namespace holdfast::test
