// How long a worker waits until a report of its own is confirmed.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace holdfast::bench {

// For so long: reports one chunk, asks until it is confirmed, and goes on with the next. What each
// took, ms. The worker is the only one of instance "probe".
Result<std::vector<double>> confirmationTimes(const std::string& controller, double seconds);

}  // namespace holdfast::bench
