// Cache operations on a controller, many at a time, as an orchestrator asks for them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::bench {

struct OperationLoad {
  uint64_t done = 0;
  std::string error;  // what went wrong first; empty: every operation was done
};

// So many clears of location "gpu", `inFlight` at a time, of these instances in turn.
OperationLoad clearAgainAndAgain(const std::string& controller,
                                 const std::vector<std::string>& instances, uint64_t operations,
                                 uint32_t inFlight);

}  // namespace holdfast::bench
