// A schedule of faults: drawn from a seed, written down step by step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace holdfast::test {

enum class Fault : uint8_t {
  kKillController,     // -9, started again when it is over
  kStopController,     // SIGSTOP, SIGCONT
  kCutController,      // from one server
  kIsolateController,  // from all servers
  kCutWorkers,         // from a controller
  kCutReaders,         // from a controller
  kStepClock,  // of a controller, by `amount` seconds; stays so until the end of the schedule
  kFillDisk,   // of a controller
  kKillServer,
  kStopServer,
  kCutServers,     // two from each other
  kIsolateServer,  // from the other servers
  kKillAllControllers,
};
inline constexpr size_t kFaults = 13;

struct Step {
  Fault fault = Fault::kKillController;
  uint32_t who = 0;    // of three
  uint32_t other = 0;  // of three, for cuts between two
  bool reset = false;  // a cut resets connections instead of being silent
  int64_t amount = 0;
  uint32_t fromMs = 0;  // since the schedule began
  uint32_t untilMs = 0;

  std::string describe() const;
};

struct Schedule {
  std::vector<Step> steps;

  std::string describe() const;  // a line each
};

// `serversAtOnce`: that are killed, stopped or isolated at the same moment.
Schedule drawSchedule(std::mt19937_64& random, size_t serversAtOnce);

}  // namespace holdfast::test
