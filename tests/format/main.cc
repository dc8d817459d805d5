// The tests; and, as `format_test --make DIR`, what makes the store that is kept of a format.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/format/make_store.h"

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--make") == 0) {
    holdfast::test::makeStore(argv[2]);
    return testing::Test::HasFailure() ? 1 : 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
