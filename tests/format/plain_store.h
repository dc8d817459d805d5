// A store of format 1 as large as one likes: its segments are plain.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::test {

struct PlainStore {
  std::string registryDigest;
  uint64_t memberships = 0;
};

// `workers` of one instance, each with `keys` chunks in one location.
PlainStore makePlainStore(const std::string& dataDir, uint32_t workers, uint64_t keys);
// How many of its segments are plain.
uint64_t plainSegments(const std::string& dataDir);

}  // namespace holdfast::test
