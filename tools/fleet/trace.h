// Reads traces of real requests: one JSON object a line,
//   {"timestamp": 27482, "input_length": 6955, "output_length": 52, "hash_ids": [46, 47, 48]}
// `timestamp` in milliseconds, never decreasing; `hash_ids` one for each block of 512 tokens of the
// prompt, equal ids standing for equal prefixes. Both are required and whole numbers below 2^53;
// other members are ignored. This is the format of the Mooncake traces.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "core/result.h"
#include "fleet/request.h"

namespace holdfast::fleet {

inline constexpr size_t kTraceLineBytesMax = size_t{1} << 20;

// At least one request, or an error that names FILE:LINE.
Result<std::vector<Request>> readTrace(const std::string& path);
// The same of an open stream; `name` is for the errors.
Result<std::vector<Request>> readTrace(std::istream& in, const std::string& name);

}  // namespace holdfast::fleet
