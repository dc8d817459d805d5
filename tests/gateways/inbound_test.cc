// Payloads to what the loop gets: pieces, limits, what belongs where.
#include "gateways/lmcache/inbound.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/limits.h"

namespace holdfast::lmcache {
namespace {

std::string report(const std::vector<std::pair<uint64_t, bool>>& operations,
                   const std::string& instance = "i", const std::string& location = "L") {
  std::string list;
  for (const auto& [seq, admit] : operations) {
    list += std::string(list.empty() ? "" : ",") + R"({"op_type":")" + (admit ? "admit" : "evict") +
            R"(","key":)" + std::to_string(1000 + seq) + R"(,"seq_num":)" + std::to_string(seq) +
            "}";
  }
  return R"({"type":"BatchedKVOperationMsg","instance_id":")" + instance +
         R"(","worker_id":0,"location":")" + location + R"(","operations":[)" + list + "]}";
}

std::vector<Inbound> read(const std::string& payload, Channel channel = Channel::kPush) {
  static InboundReader reader;
  Inbound from;
  from.channel = channel;
  from.identity = "peer";
  std::vector<Inbound> all;
  reader.read(payload, from, all);
  return all;
}

TEST(Inbound, ALongReportComesInPiecesOfATurnThatKeepTheirNumbersAndEvicts) {
  std::vector<std::pair<uint64_t, bool>> operations;
  for (uint64_t i = 0; i < 2 * kKeysPerPiece + 5; ++i) operations.emplace_back(7 + i, i % 3 != 0);
  const auto pieces = read(report(operations));
  ASSERT_EQ(pieces.size(), 3u);
  uint64_t seq = 7;
  for (const Inbound& piece : pieces) {
    EXPECT_EQ(piece.firstSeq, seq);
    EXPECT_LE(piece.keys.size(), kKeysPerPiece);
    for (size_t i = 0; i < piece.keys.size(); ++i, ++seq) {
      EXPECT_EQ(piece.keys[i], 1000 + seq);
      EXPECT_EQ(piece.operations().evicts.test(i), (seq - 7) % 3 == 0);
    }
  }
  EXPECT_EQ(seq, 7 + operations.size());
}

TEST(Inbound, NumbersThatDoNotFollowEachOtherAreReportsOfTheirOwn) {
  const auto pieces = read(report({{1, true}, {2, true}, {9, true}, {5, true}}));
  ASSERT_EQ(pieces.size(), 3u);
  EXPECT_EQ(pieces[0].keys.size(), 2u);
  EXPECT_EQ(pieces[1].firstSeq, 9u);
  EXPECT_EQ(pieces[2].firstSeq, 5u);
  EXPECT_TRUE(pieces[0].evicts.empty());
  std::vector<std::pair<uint64_t, bool>> scattered;
  for (uint64_t i = 0; i <= kRunsPerMessageMax; ++i) scattered.emplace_back(i * 2, true);
  const auto refused = read(report(scattered));
  ASSERT_EQ(refused.size(), 1u);
  EXPECT_NE(refused[0].error.find("65 runs"), std::string::npos) << refused[0].error;
}

TEST(Inbound, WhatIsOverALimitOrOutOfPlaceIsToldInOneEntryThatCanBeAnswered) {
  const std::string longName(kInstanceIdBytesMax + 1, 'x');
  const std::string p2p =
      R"({"type":"BatchedP2PLookupMsg","instance_id":"i","worker_id":0,"hashes":[1]})";
  const std::pair<std::string, Channel> cases[] = {
      {report({{0, true}}, longName), Channel::kPush},
      {report({{0, true}}, "i", std::string(kLocationNameBytesMax + 1, 'x')), Channel::kPush},
      {report({{0, true}}, ""), Channel::kPush},
      {report({{UINT64_MAX, true}}), Channel::kPush},
      {report({{0, true}}), Channel::kRequest},
      {p2p, Channel::kPush},
      {p2p, Channel::kHeartbeat},
      {R"({"type":"ErrorMsg","error":"x"})", Channel::kRequest},
      {R"({"type":"NoSuchMsg"})", Channel::kRequest},
      {"\xc1garbage", Channel::kRequest},
      {"", Channel::kPush},
      {R"({"type":"FullSyncStartMsg","instance_id":"i","worker_id":0,"location":"L","sync_id":"s",)"
       R"("total_keys":4294967295,"batch_count":4294967295})",
       Channel::kRequest},
  };
  for (const auto& [payload, channel] : cases) {
    const auto all = read(payload, channel);
    ASSERT_EQ(all.size(), 1u) << payload;
    EXPECT_FALSE(all[0].error.empty()) << payload;
    EXPECT_EQ(all[0].identity, "peer");
    EXPECT_TRUE(all[0].keys.empty());
  }
}

TEST(Inbound, ABatchOfAFullSyncEndsWithItsLastPieceAlsoAnEmptyOne) {
  std::string keys;
  for (size_t i = 0; i < kKeysPerPiece + 1; ++i) {
    keys += (i == 0 ? "" : ",") + std::to_string(i);
  }
  const auto batch = [](const std::string& list) {
    return R"({"type":"FullSyncBatchMsg","instance_id":"i","worker_id":0,"location":"L",)"
           R"("sync_id":"s","batch_id":3,"keys":[)" +
           list + "]}";
  };
  const auto pieces = read(batch(keys));
  ASSERT_EQ(pieces.size(), 2u);
  EXPECT_FALSE(pieces[0].batchEnds);
  EXPECT_TRUE(pieces[1].batchEnds);
  EXPECT_EQ(pieces[1].keys, std::vector<uint64_t>{kKeysPerPiece});
  const auto empty = read(batch(""));
  ASSERT_EQ(empty.size(), 1u);
  EXPECT_TRUE(empty[0].batchEnds);
  EXPECT_EQ(empty[0].batch, 3u);
}

}  // namespace
}  // namespace holdfast::lmcache
