// The merged keys of a location, whatever part of its changes is held at a time.
#include "store/live_keys.h"

#include <gtest/gtest.h>

#include <set>

#include "format/family_head.h"
#include "format/registry_records.h"
#include "tests/inspect/store_grower.h"
#include "tests/support/message_of.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

std::vector<ChunkHash> all(LiveKeys keys) {
  std::vector<ChunkHash> result;
  for (auto run = keys.next(); !run.empty(); run = keys.next()) {
    result.insert(result.end(), run.begin(), run.end());
  }
  EXPECT_EQ(messageOf(keys.error()), "");
  return result;
}

void expectSame(const StoreReader& reader, size_t family, const LocationHead& head,
                Random& random) {
  const std::vector<ChunkHash> keys = all({reader, family, head.record});
  const std::set<ChunkHash> distinct(keys.begin(), keys.end());
  EXPECT_EQ(distinct.size(), keys.size());
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  if (head.counted) {
    KeyDigest digest;
    for (const ChunkHash key : keys) digest.add(key);
    EXPECT_EQ(keys.size(), head.count);
    EXPECT_EQ(digest, head.digest);
  }
  for (const size_t changesMax : {size_t{2}, size_t{3}, size_t{50}}) {
    EXPECT_EQ(all({reader, family, head.record, {}, changesMax}), keys);
  }
  if (keys.empty()) return;
  KeyRange range{keys[below(random, keys.size())], keys[below(random, keys.size())] + 1};
  if (range.from > range.to) std::swap(range.from, range.to);
  std::vector<ChunkHash> within;
  for (const ChunkHash key : keys) {
    if (range.contains(key)) within.push_back(key);
  }
  EXPECT_EQ(all({reader, family, head.record, range, 5}), within);
}

TEST(LiveKeys, AreWhatTheRecordsLeadTo) {
  forRandomSequences(60, [](Random& random) {
    const Scratch scratch;
    const std::string dir = (scratch.path() / "data").string();
    StoreGrower grower(dir, random());
    for (uint64_t n = 30 + below(random, 150); n > 0; --n) grower.step();
    grower.settle();
    grower.close();
    const auto reader = StoreReader::open(dir);
    ASSERT_TRUE(reader.ok()) << reader.error().message;
    const auto& families = reader.value()->families();
    for (size_t i = 0; i < families.size(); ++i) {
      if (!families[i].owner || families[i].owner->kind != OwnerKind::kWorker) continue;
      auto rows = reader.value()->rows(i);
      const auto head = readWorkerHead(rows, *families[i].owner);
      ASSERT_TRUE(head.ok()) << head.error().message;
      for (const LocationHead& location : head.value().locations) {
        expectSame(*reader.value(), i, location, random);
      }
    }
  });
}

}  // namespace
}  // namespace holdfast::test
