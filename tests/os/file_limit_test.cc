#include "os/file_limit.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace holdfast {
namespace {

// Room in the kernel's table of this process's descriptors.
uint64_t tableSize() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("FDSize:")) return std::stoull(line.substr(7));
  }
  return 0;
}

// Whoever opens a file while the table grows waits for milliseconds, look-ups with it.
TEST(FileLimit, TheTableOfDescriptorsHasRoomBeforeTheyCome) {
  raiseFileLimit();
  const uint64_t before = tableSize();
  ASSERT_GT(before, 0u);
  reserveFiles(2 * before);
  EXPECT_GE(tableSize(), 2 * before);
  reserveFiles(1);
  EXPECT_GE(tableSize(), 2 * before);
}

}  // namespace
}  // namespace holdfast
