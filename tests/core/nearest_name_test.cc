#include "core/nearest_name.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace holdfast {
namespace {

TEST(NearestName, FindsWhatWasMeant) {
  const std::vector<std::string> names = {"--data-dir", "--listen", "--wal-sync",
                                          "--wal-sync-interval", "--workers-max"};
  const std::vector<std::pair<std::string, std::string>> meant = {
      {"--data-dri", "--data-dir"},  // swapped
      {"--lisen", "--listen"},       // left out
      {"--listten", "--listen"},     // added
      {"--lustem", "--listen"},      // replaced
      {"--Data-Dir", "--data-dir"},  // case
      {"--data_dir", "--data-dir"},  //
      {"--data", "--data-dir"},      // only begun
      {"--wal-sink", "--wal-sync"},  //
      {"--wal-sync-intervall", "--wal-sync-interval"},
  };
  for (const auto& [word, name] : meant) EXPECT_EQ(nearestName(word, names), name) << word;
}

TEST(NearestName, DoesNotGuessWildly) {
  const std::vector<std::string> names = {"status", "sync", "--json", std::string(65, 'x')};
  for (const std::string& word :
       {std::string(), std::string("lookup"), std::string("x"), std::string("s"),
        std::string("--yaml"), std::string(65, 'x'), std::string(100'000, 's')}) {
    EXPECT_EQ(nearestName(word, names), std::nullopt) << word.substr(0, 70);
  }
  EXPECT_EQ(nearestName("status", {}), std::nullopt);
}

TEST(NearestName, TakesTheFirstOfEquallyNearOnes) {
  const std::vector<std::string> names = {"pins", "pine", "on"};
  EXPECT_EQ(nearestName("pinx", names), "pins");
  EXPECT_EQ(nearestName("pine", names), "pine");
  EXPECT_EQ(nearestName("onn", names), "on");
  EXPECT_EQ(nearestName("xx", names), std::nullopt);
}

}  // namespace
}  // namespace holdfast
