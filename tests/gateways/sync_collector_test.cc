#include "gateways/lmcache/sync_collector.h"

#include <gtest/gtest.h>

#include <numeric>

namespace holdfast::lmcache {
namespace {

const SyncCollector::Key kWorker{"i", 0};

class SyncCollectorTest : public testing::Test {
 protected:
  std::optional<std::string> start(const std::string& id, uint64_t keys, uint32_t batches,
                                   const SyncCollector::Key& key = kWorker) {
    return collector.start(key, "L", id, keys, batches, now);
  }
  bool batch(const std::string& id, uint32_t number, std::vector<uint64_t> keys, bool ends = true) {
    return collector.batch(kWorker, id, number, keys, ends, now);
  }
  void report(std::vector<uint64_t> keys, uint8_t evicts) {
    EXPECT_TRUE(collector.report(kWorker, "L", {keys, {&evicts, 0}}));
  }
  std::vector<ChunkHash> held() {
    const KeyParts& keys = collector.find(kWorker)->keys;
    std::vector<ChunkHash> all;
    KeyDigest digest;
    for (size_t i = 0; i < keys.parts(); ++i) {
      for (const ChunkHash key : keys.part(i).keys()) {
        all.push_back(key);
        digest.add(key);
      }
    }
    EXPECT_EQ(digest, keys.digest());
    EXPECT_EQ(all.size(), keys.size());
    std::sort(all.begin(), all.end());
    return all;
  }

  uint64_t now = 1'000;
  SyncCollector collector;
};

TEST_F(SyncCollectorTest, BatchesInAnyOrderAreWholeWhenTheLastOneIs) {
  EXPECT_FALSE(start("s", 5, 3));
  EXPECT_TRUE(batch("s", 2, {5}));
  EXPECT_TRUE(batch("s", 0, {1, 2}));
  EXPECT_TRUE(batch("other", 1, {7, 8}));
  EXPECT_EQ(collector.find(kWorker)->missing(), std::vector<uint32_t>{1});
  EXPECT_TRUE(collector.end(kWorker, "s", 5, now));
  EXPECT_TRUE(collector.whole().empty()) << "the end alone makes nothing whole";
  EXPECT_TRUE(batch("s", 1, {3}, false));
  EXPECT_TRUE(collector.whole().empty()) << "half a batch";
  EXPECT_TRUE(batch("s", 1, {4}));
  EXPECT_EQ(collector.whole().size(), 1u);
  EXPECT_EQ(held(), (std::vector<ChunkHash>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(batch("s", 1, {9})) << "again: it is there";
  EXPECT_EQ(held().size(), 5u);
}

TEST_F(SyncCollectorTest, WhatIsReportedMeanwhileCountsMoreThanABatchBeforeOrAfterIt) {
  EXPECT_FALSE(start("s", 4, 2));
  EXPECT_TRUE(batch("s", 0, {1, 2}));
  report({1, 3, 9}, 0b011);  // 1 and 3 evicted, 9 admitted
  EXPECT_TRUE(batch("s", 1, {3, 4}));
  EXPECT_EQ(held(), (std::vector<ChunkHash>{2, 4, 9}));
}

TEST_F(SyncCollectorTest, WhatIsNotAsStatedIsDropped) {
  EXPECT_FALSE(start("s", 2, 2));
  EXPECT_FALSE(batch("s", 0, {1, 2, 3}));
  EXPECT_EQ(collector.find(kWorker), nullptr);
  EXPECT_FALSE(start("s", 2, 2));
  EXPECT_FALSE(batch("s", 2, {1}));
  EXPECT_EQ(collector.find(kWorker), nullptr);
  EXPECT_FALSE(start("s", 2, 2));
  EXPECT_FALSE(collector.end(kWorker, "s", 1, now));
  EXPECT_EQ(collector.find(kWorker), nullptr);
}

TEST_F(SyncCollectorTest, AStartReplacesAnUnfinishedOneButNotItself) {
  EXPECT_FALSE(start("s", 2, 2));
  EXPECT_TRUE(batch("s", 0, {1}));
  EXPECT_FALSE(start("s", 2, 2));
  EXPECT_EQ(held().size(), 1u);
  EXPECT_FALSE(start("t", 2, 2));
  EXPECT_TRUE(held().empty());
}

TEST_F(SyncCollectorTest, KeysThatAreStatedAreBoundedForOneAndForAll) {
  EXPECT_TRUE(start("s", SyncCollector::kKeysPerSyncMax + 1, 9'000));
  const auto most = static_cast<uint32_t>(SyncCollector::kKeysMax / SyncCollector::kKeysPerSyncMax);
  for (uint32_t i = 0; i < most; ++i) {
    EXPECT_FALSE(start("s", SyncCollector::kKeysPerSyncMax, 1, {"i", i}));
  }
  EXPECT_TRUE(start("s", 1, 1, {"i", most}));
  EXPECT_FALSE(start("t", SyncCollector::kKeysPerSyncMax, 1, {"i", 0})) << "in place of its own";
  collector.drop({"i", 0});
  EXPECT_FALSE(start("s", 1, 1, {"i", most}));
}

TEST_F(SyncCollectorTest, SilenceEndsIt) {
  EXPECT_FALSE(start("s", 2, 2));
  now += 299;
  EXPECT_EQ(collector.expire(now, 300), 0u);
  EXPECT_TRUE(batch("s", 0, {1}));
  now += 299;
  EXPECT_EQ(collector.expire(now, 300), 0u);
  now += 1;
  EXPECT_EQ(collector.expire(now, 300), 1u);
  EXPECT_TRUE(collector.empty());
}

}  // namespace
}  // namespace holdfast::lmcache
