// Configuration files as keys, values and places.
#include "command_line/config_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::test {
namespace {

using Type = FileValue::Type;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<FileEntry> entriesOf(const std::string& text) {
  auto parsed = parseConfigFile("f.toml", text);
  EXPECT_TRUE(parsed.ok()) << parsed.error().message;
  return parsed.ok() ? parsed.value() : std::vector<FileEntry>{};
}

std::string errorOf(const std::string& text) {
  const auto parsed = parseConfigFile("f.toml", text);
  return parsed.ok() ? "no error" : parsed.error().message;
}

TEST(ConfigFileTest, HasEachKeyWithItsTableAndPlaceInTheOrderOfTheFile) {
  const auto entries = entriesOf("z = 1\na = \"x\"\n[two]\nb = [\"p\", \"q\"]\n[one]\nc = true\n");
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].key, "z");
  EXPECT_EQ(entries[0].table, "");
  EXPECT_EQ(entries[1].key, "a");
  EXPECT_EQ(entries[1].values[0].text, "x");
  EXPECT_EQ(entries[1].values[0].place, (FilePlace{2, 5}));
  EXPECT_EQ(entries[2].table, "two");
  EXPECT_EQ(entries[2].place, (FilePlace{4, 1}));
  EXPECT_TRUE(entries[2].isList);
  EXPECT_EQ(entries[2].values[1].text, "q");
  EXPECT_EQ(entries[3].table, "one");
}

TEST(ConfigFileTest, ValuesAreAsACommandLineHasThem) {
  const auto entries = entriesOf("a = 0x10\nb = 0.8\nc = false\nd = '''x'''\ne = 1_000\n");
  ASSERT_EQ(entries.size(), 5u);
  EXPECT_EQ(entries[0].values[0].text, "16");
  EXPECT_EQ(entries[0].values[0].type, Type::kInteger);
  EXPECT_EQ(entries[1].values[0].text, "0.8");
  EXPECT_EQ(entries[1].values[0].type, Type::kFraction);
  EXPECT_EQ(entries[2].values[0].text, "false");
  EXPECT_EQ(entries[2].values[0].type, Type::kTruth);
  EXPECT_EQ(entries[3].values[0].text, "x");
  EXPECT_EQ(entries[4].values[0].text, "1000");
}

TEST(ConfigFileTest, WhatIsWrongHasItsPlace) {
  EXPECT_THAT(errorOf("a = 1\nb = oops\n"), StartsWith("f.toml:2:"));
  EXPECT_THAT(errorOf("a = 1\na = 2\n"), StartsWith("f.toml:2:"));
  EXPECT_THAT(errorOf("a = 1\nb = 2026-01-01\n"), StartsWith("f.toml:2:5: \"b\" wants a text"));
  EXPECT_THAT(errorOf("[a.b]\nc = 1\n"), HasSubstr("\"b\" wants a text"));
  // Which tables may come several times says whoever reads the entries.
  EXPECT_EQ(errorOf("[[a]]\nc = 1\n"), "no error");
  EXPECT_THAT(errorOf("a = [[1]]\n"), HasSubstr("\"a\" wants a text"));
}

TEST(ConfigFileTest, HasALimit) {
  EXPECT_THAT(errorOf(std::string(kConfigFileBytesMax + 1, '#')), HasSubstr("at most"));
  EXPECT_TRUE(entriesOf(std::string(kConfigFileBytesMax, '#')).empty());
}

}  // namespace
}  // namespace holdfast::test
