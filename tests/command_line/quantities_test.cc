// Durations and sizes as people write them.

#include <gtest/gtest.h>

#include "command_line/duration.h"
#include "command_line/size.h"

namespace holdfast::test {
namespace {

TEST(DurationTest, TakesUnitsAndSumsOfThem) {
  const std::pair<const char*, uint64_t> cases[] = {
      {"500ms", 500},
      {"5s", 5'000},
      {"5", 5'000},
      {"1.5s", 1'500},
      {"10m", 600'000},
      {"1h", 3'600'000},
      {"1d", 86'400'000},
      {"1h30m", 5'400'000},
      {"1d12h", 129'600'000},
      {"1m500ms", 60'500},
      {"1000d", 86'400'000'000},
  };
  for (const auto& [text, ms] : cases) EXPECT_EQ(parseDurationMs(text), ms) << text;
}

TEST(DurationTest, RefusesWhatIsNone) {
  for (const char* text : {"", "soon", "5 s", "s", "1h30", "30m1h", "1h1h", "1m1s1m", "-5s", "5x",
                           "0s", "0.1ms", "1001d", "inf", "nan", "1e3s", "1h ", "5S"}) {
    EXPECT_EQ(parseDurationMs(text), std::nullopt) << text;
  }
}

TEST(DurationTest, IsWrittenAsItIsRead) {
  const std::pair<uint64_t, const char*> cases[] = {{500, "500ms"},      {5'000, "5s"},
                                                    {90'000, "1m30s"},   {86'400'000, "1d"},
                                                    {60'500, "1m500ms"}, {0, "0ms"}};
  for (const auto& [ms, text] : cases) EXPECT_EQ(durationText(ms), text);
}

TEST(SizeTest, TakesUnitsInAnyCase) {
  const std::pair<const char*, uint64_t> cases[] = {{"0", 0},
                                                    {"4096", 4'096},
                                                    {"1b", 1},
                                                    {"64MiB", 64 << 20},
                                                    {"64 mib", 64 << 20},
                                                    {"64M", 64 << 20},
                                                    {"1kb", 1'024},
                                                    {"2GiB", uint64_t{2} << 30},
                                                    {"7E", uint64_t{7} << 60},
                                                    {"9223372036854775807", UINT64_MAX / 2}};
  for (const auto& [text, bytes] : cases) EXPECT_EQ(parseSize(text), bytes) << text;
}

TEST(SizeTest, RefusesWhatIsNone) {
  for (const char* text : {"", "MiB", "-1", "1.5GiB", "1x", "1kbb", "1 kib b", "8E",
                           "9223372036854775808", "18446744073709551616", "1  k"}) {
    EXPECT_EQ(parseSize(text), std::nullopt) << text;
  }
}

TEST(SizeTest, IsWrittenInTheLargestUnitThatHasIt) {
  EXPECT_EQ(sizeText(0), "0");
  EXPECT_EQ(sizeText(1'000), "1000");
  EXPECT_EQ(sizeText(64 << 20), "64MiB");
  EXPECT_EQ(sizeText((uint64_t{1} << 30) + 1'024), "1048577KiB");
  EXPECT_EQ(sizeText(uint64_t{7} << 60), "7EiB");
}

}  // namespace
}  // namespace holdfast::test
