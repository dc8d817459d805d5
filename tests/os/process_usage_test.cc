#include "os/process_usage.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <vector>

namespace holdfast {
namespace {

struct Counted {
  uint64_t files = 0;
  int pieces = 1;
};

Counted countFiles() {
  OpenFileCount count;
  Counted counted;
  while (count.next()) ++counted.pieces;
  counted.files = count.count();
  return counted;
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

TEST(OpenFileCount, CountsEveryFileInPieces) {
  const Counted before = countFiles();
  EXPECT_GE(before.files, 3u);
  std::vector<int> files;
  for (int i = 0; i < 900; ++i) files.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Counted many = countFiles();
  EXPECT_EQ(many.files, before.files + files.size());
  EXPECT_GT(many.pieces, before.pieces + 8);
  for (const int file : files) close(file);
  EXPECT_EQ(countFiles().files, before.files);
}

}  // namespace
}  // namespace holdfast
