// Every input of the corpora, through the fuzzer's own entry.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz_target.h"

namespace holdfast::fuzz {

// In names of tests.
static void PrintTo(const Target& target, std::ostream* out) {
  *out << target.name;
}

}  // namespace holdfast::fuzz

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> entriesOf(const fs::path& folder) {
  std::vector<fs::path> entries;
  for (const auto& entry : fs::directory_iterator(folder)) entries.push_back(entry.path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

class CorpusTest : public testing::TestWithParam<fuzz::Target> {};

TEST_P(CorpusTest, IsParsedOrRefused) {
  ASSERT_TRUE(fuzz::choose(GetParam().name));
  const fs::path folder = fs::path(FUZZ_CORPUS) / GetParam().name;
  ASSERT_TRUE(fs::is_directory(folder)) << folder << " is missing";
  const std::vector<fs::path> inputs = entriesOf(folder);
  EXPECT_FALSE(inputs.empty()) << folder;
  for (const fs::path& path : inputs) {
    SCOPED_TRACE(path);
    std::ifstream in(path, std::ios::binary);
    const std::string input{std::istreambuf_iterator<char>(in), {}};
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), input.size());
    // Every cut of it, too: the likeliest damage of all.
    if (input.size() > 4096) continue;
    for (size_t bytes = 0; bytes < input.size(); ++bytes) {
      LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()), bytes);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, CorpusTest,
                         testing::ValuesIn(fuzz::targets().begin(), fuzz::targets().end()),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(CorpusFoldersTest, BelongToTargets) {
  for (const fs::path& folder : entriesOf(FUZZ_CORPUS)) {
    EXPECT_TRUE(fuzz::choose(folder.filename().string())) << folder << " is no target's";
  }
}

}  // namespace
}  // namespace holdfast::test
