// The tests; and, as `inspect_test --grow DIR`, a process that grows a store until it is killed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>

#include "tests/inspect/store_grower.h"

namespace holdfast::test {
namespace {

// Says so when the store has some content, and from then on goes on as fast as it can.
int growForever(const char* dataDir) {
  StoreGrower grower(dataDir, 4711);
  for (int i = 0; i < 200; ++i) grower.step();
  grower.settle();
  std::printf("%s\n", grower.registryDigest().c_str());
  std::fflush(stdout);
  std::getchar();
  for (;;) grower.step();
}

}  // namespace
}  // namespace holdfast::test

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--grow") == 0) {
    return holdfast::test::growForever(argv[2]);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
