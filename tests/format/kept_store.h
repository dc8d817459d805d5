// The stores that are kept in tests/format/stores, one of each format, and what is in them.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast::test {

struct KeptStore {
  uint32_t format = 0;
  uint64_t instances = 0;
  uint64_t workers = 0;
  uint64_t locations = 0;
  uint64_t memberships = 0;
  uint64_t events = 0;
  std::string contentDigest;
  std::string registryDigest;
};

inline std::ostream& operator<<(std::ostream& out, const KeptStore& store) {
  return out << "format " << store.format;
}

const std::vector<KeptStore>& keptStores();
// Into a directory that is new.
void unpack(const KeptStore& store, const std::string& dataDir);

}  // namespace holdfast::test
