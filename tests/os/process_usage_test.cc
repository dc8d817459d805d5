#include "os/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <vector>

namespace holdfast {
namespace {

uint64_t openFiles(size_t piece) {
  OpenFileCount count;
  while (count.next(piece)) {
  }
  return count.count();
}

TEST(ProcessUsage, IsOfThisProcess) {
  const ProcessUsage usage = processUsage();
  EXPECT_GT(usage.cpuSeconds, 0);
  EXPECT_GT(usage.residentBytes, uint64_t{1} << 20);
  EXPECT_GT(usage.virtualBytes, usage.residentBytes);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  EXPECT_EQ(usage.filesMax, files.rlim_cur);
  // In this century, and not in the future.
  EXPECT_GT(usage.startTimeSeconds, 946'684'800);
  EXPECT_LE(usage.startTimeSeconds, static_cast<double>(std::time(nullptr)) + 2);
  EXPECT_EQ(processUsage().startTimeSeconds, usage.startTimeSeconds);
}

TEST(OpenFileCount, CountsEveryFileInPiecesAsAtOnce) {
  const uint64_t before = openFiles(1'000'000);
  EXPECT_GE(before, 3u);
  std::vector<int> files;
  for (int i = 0; i < 300; ++i) files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(openFiles(1'000'000), before + files.size());
  EXPECT_EQ(openFiles(7), before + files.size());
  for (const int file : files) close(file);
  EXPECT_EQ(openFiles(7), before);
}

}  // namespace
}  // namespace holdfast
