#include "tests/format/kept_store.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace holdfast::test {

const std::vector<KeptStore>& keptStores() {
  static const std::vector<KeptStore> stores = {
      {.format = 1,
       .instances = 3,
       .workers = 8,
       .locations = 15,
       .memberships = 2384,
       .events = 3,
       .contentDigest = "bc668cba0480bada1b4385eceebdb95b",
       .registryDigest = "a401b5be26180733f02c63468a017620"},
  };
  return stores;
}

void unpack(const KeptStore& store, const std::string& dataDir) {
  std::filesystem::create_directories(dataDir);
  const std::string archive =
      std::string(FORMAT_STORES) + "/" + std::to_string(store.format) + ".tar.gz";
  ASSERT_EQ(std::system(("tar -xzf " + archive + " -C " + dataDir).c_str()), 0) << archive;
}

}  // namespace holdfast::test
