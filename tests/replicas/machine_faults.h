// What a test does to the machine that one of its processes believes to run on: steps of its wall
// clock, a full disk. Shared between the test and machine_faults_preload.cc, as a file that both
// map; 0 everywhere: nothing.
#pragma once

#include <atomic>
#include <cstdint>

namespace holdfast::test {

struct MachineFaults {
  std::atomic<int64_t> clockStepSeconds;  // the wall clock is so much ahead
  std::atomic<uint32_t> diskFull;         // not 0: nothing more can be written in the directory
};

// Environment of the process.
inline constexpr const char* kFaultsFile = "HOLDFAST_TEST_FAULTS";
inline constexpr const char* kFaultsDirectory = "HOLDFAST_TEST_FAULTS_DIRECTORY";

}  // namespace holdfast::test
