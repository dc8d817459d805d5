// holdfast-inspect as a process, and as functions.
#pragma once

#include <string>
#include <vector>

#include "inspect/registry_view.h"
#include "inspect/verifier.h"
#include "tests/support/ran.h"

namespace holdfast::test {

// Through a shell, so arguments are quoted by the caller.
Ran runInspect(const std::string& arguments);

// The process of one command that is killed after so many microseconds, unless it ends before.
// Whether it was killed.
bool killInspect(const std::vector<std::string>& arguments, uint64_t microseconds);

inspect::RegistryView view(const std::string& dataDir);
// Verifies, with a failure for each problem. The keys that were recounted.
uint64_t expectWell(const std::string& dataDir);
uint32_t formatOf(const std::string& dataDir);

}  // namespace holdfast::test
