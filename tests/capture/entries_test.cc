// Kinds of entries. That each input comes back as it went in, player_test shows.
#include "capture/entries.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast::test {
namespace {

TEST(Entries, EveryKindHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kEntryKinds; ++i) {
    const std::string_view name = entryName(static_cast<schema::CaptureEntry::Which>(i));
    EXPECT_NE(name, "unknown") << i;
    EXPECT_TRUE(names.insert(name).second) << name;
  }
  EXPECT_EQ(entryName(static_cast<schema::CaptureEntry::Which>(kEntryKinds)), "unknown");
}

}  // namespace
}  // namespace holdfast::test
