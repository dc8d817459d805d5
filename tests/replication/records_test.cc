#include "replication/records.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace holdfast::replication {
namespace {

std::vector<uint8_t> bodyOf(size_t bytes) {
  std::mt19937_64 random(bytes);
  std::vector<uint8_t> body(bytes);
  for (uint8_t& byte : body) byte = static_cast<uint8_t>(random());
  return body;
}

std::string bytesOf(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST(RecordsTest, ATakeOverComesBackWhole) {
  const TakeOver sent{.base = {7, 1234567},
                      .node = "holdfast-2",
                      .nonce = 0xfedcba9876543210,
                      .address = "10.0.0.2:7440",
                      .wallMs = 1'700'000'000'000,
                      .formatMin = 2,
                      .formatMax = 5,
                      .digest = "00ff/3/1"};
  RecordDecoder decoder;
  const auto record = decoder.decode(encodeRecord(sent));
  ASSERT_TRUE(record);
  const auto& got = std::get<TakeOver>(*record);
  EXPECT_EQ(got.base, sent.base);
  EXPECT_EQ(got.node, sent.node);
  EXPECT_EQ(got.nonce, sent.nonce);
  EXPECT_EQ(got.address, sent.address);
  EXPECT_EQ(got.wallMs, sent.wallMs);
  EXPECT_EQ(got.formatMin, sent.formatMin);
  EXPECT_EQ(got.formatMax, sent.formatMax);
  EXPECT_EQ(got.digest, sent.digest);
  EXPECT_EQ(headOf(*record).kind, RecordHead::Kind::kTakeOver);
  EXPECT_EQ(headOf(*record).nonce, sent.nonce);
}

TEST(RecordsTest, BeatsAndRetirementsComeBackWhole) {
  RecordDecoder decoder;
  const auto beat = decoder.decode(encodeRecord(Beat{3, 99}));
  ASSERT_TRUE(beat);
  EXPECT_EQ(std::get<Beat>(*beat).epoch, 3u);
  EXPECT_EQ(std::get<Beat>(*beat).wallMs, 99u);
  EXPECT_EQ(headOf(*beat).kind, RecordHead::Kind::kBeat);
  const auto retire = decoder.decode(encodeRecord(Retire{4, 98}));
  ASSERT_TRUE(retire);
  EXPECT_EQ(std::get<Retire>(*retire).epoch, 4u);
  EXPECT_EQ(headOf(*retire).at.epoch, 4u);
}

TEST(RecordsTest, ABatchIsCutIntoRecordsOfBoundedSizeAndPutTogetherAgain) {
  const size_t onePart = kRecordBytesMax - 128;
  for (const size_t bytes :
       {size_t{1}, size_t{8}, size_t{1001}, onePart, onePart + 1, 3 * onePart, size_t{1'000'003}}) {
    SCOPED_TRACE(bytes);
    const auto body = bodyOf(bytes);
    const auto records = encodeFrames(body, {5, 100}, 42);
    EXPECT_EQ(records.size(), framesOf(bytes));
    BatchAssembler assembler;
    RecordDecoder decoder;
    for (size_t i = 0; i < records.size(); ++i) {
      EXPECT_LE(records[i].size(), kRecordBytesMax);
      const auto record = decoder.decode(records[i]);
      ASSERT_TRUE(record);
      const auto& frame = std::get<Frame>(*record);
      EXPECT_EQ(frame.at, (LogPoint{5, 100 + i}));
      const bool last = i + 1 == records.size();
      EXPECT_EQ(assembler.take(frame),
                last ? BatchAssembler::Taken::kWhole : BatchAssembler::Taken::kPart);
      EXPECT_EQ(assembler.idle(), last);
    }
    EXPECT_EQ(bytesOf(assembler.batch().body), bytesOf(body));
    EXPECT_EQ(assembler.batch().at.index, 100 + records.size() - 1);
    EXPECT_EQ(assembler.batch().wallMs, 42u);
  }
}

TEST(RecordsTest, WhatALeaderLeftUnfinishedIsDroppedByTheNextTakeOver) {
  const auto unfinished = encodeFrames(bodyOf(600'000), {1, 1}, 0);
  const auto body = bodyOf(300'000);
  const auto records = encodeFrames(body, {2, 2}, 0);
  BatchAssembler assembler;
  RecordDecoder decoder;
  const auto take = [&](const std::string& bytes) {
    const auto record = decoder.decode(bytes);
    return assembler.take(std::get<Frame>(*record));
  };
  EXPECT_EQ(take(unfinished[0]), BatchAssembler::Taken::kPart);
  assembler.drop();
  EXPECT_EQ(take(records[0]), BatchAssembler::Taken::kPart);
  EXPECT_EQ(take(records[1]), BatchAssembler::Taken::kWhole);
  EXPECT_EQ(bytesOf(assembler.batch().body), bytesOf(body));
}

TEST(RecordsTest, PartsThatDoNotBelongTogetherAreNoBatch) {
  const auto three = encodeFrames(bodyOf(600'000), {1, 1}, 0);
  const auto two = encodeFrames(bodyOf(300'000), {1, 1}, 0);
  const auto one = encodeFrames(bodyOf(8), {1, 1}, 0);
  const auto taken = [](const std::vector<std::string>& records) {
    BatchAssembler assembler;
    RecordDecoder decoder;
    auto last = BatchAssembler::Taken::kPart;
    for (const std::string& bytes : records) {
      const auto record = decoder.decode(bytes);
      last = assembler.take(std::get<Frame>(*record));
    }
    return last;
  };
  EXPECT_EQ(taken({three[1]}), BatchAssembler::Taken::kBroken) << "the first part is missing";
  EXPECT_EQ(taken({three[0], three[2]}), BatchAssembler::Taken::kBroken);
  EXPECT_EQ(taken({three[0], two[1]}), BatchAssembler::Taken::kBroken);
  EXPECT_EQ(taken({three[0], one[0]}), BatchAssembler::Taken::kBroken);
}

TEST(RecordsTest, CutOrLongOrUnalignedBytesAreReadForWhatTheyAre) {
  RecordDecoder decoder;
  const std::vector<std::string> samples = {
      encodeRecord(TakeOver{.base = {1, 2}, .node = "n", .nonce = 3, .address = "a:1"}),
      encodeRecord(Beat{1, 2}), encodeRecord(Retire{1, 2}),
      encodeFrames(bodyOf(64), {1, 2}, 3).front()};
  for (const std::string& sample : samples) {
    for (size_t bytes = 0; bytes < sample.size(); ++bytes) {
      decoder.decode(std::string_view(sample).substr(0, bytes));  // whatever it is, it ends
    }
    const std::string shifted = "x" + sample;
    const auto record = decoder.decode(std::string_view(shifted).substr(1));
    ASSERT_TRUE(record);
    EXPECT_EQ(encodeRecord(*record), sample);
  }
  EXPECT_FALSE(decoder.decode(samples[3].substr(0, samples[3].size() - 8)));
  EXPECT_FALSE(decoder.decode(std::string(kRecordBytesMax + 8, '\0')));
  EXPECT_FALSE(decoder.decode(
      encodeRecord(TakeOver{.base = {1, 2}, .node = std::string(kNodeBytesMax + 1, 'n')})));
}

}  // namespace
}  // namespace holdfast::replication
