#include "replication/frame_body.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/limits.h"
#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"

namespace holdfast::replication {
namespace {

// Body as words, in which it is read.
std::vector<uint64_t> wordsOf(const std::vector<uint8_t>& bytes) {
  EXPECT_EQ(bytes.size() % 8, 0u);
  std::vector<uint64_t> words(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), words.size() * 8);
  return words;
}

std::vector<uint64_t> journal(const std::vector<ChunkHash>& keys, const uint8_t* evicts) {
  ReportRecord report;
  report.operations = {keys, {evicts, 0}};
  report.countAfter = 7;
  report.digestAfter = {8, 9};
  std::vector<uint64_t> words(journalWords(report.operations));
  encodeJournal(report, words);
  return words;
}

std::vector<uint64_t> syncBatch(const std::vector<ChunkHash>& keys) {
  BatchRecord batch;
  batch.keys = keys;
  std::vector<uint64_t> words(batchWords(keys.size()));
  encodeBatch(batch, words);
  return words;
}

LocationRecord location() {
  LocationRecord record{.id = 3, .name = "gpu", .nextGeneration = 9, .live = {}, .building = {}};
  record.live = {.generation = 4,
                 .fold = 5,
                 .stream = 6,
                 .incarnation = 7,
                 .baseSeq = 8,
                 .baseCount = 9,
                 .baseDigest = {10, 11},
                 .hidden = true};
  record.building = BuildingPart{.generation = 8,
                                 .incarnation = 12,
                                 .syncId = 13,
                                 .baseSeq = 14,
                                 .batchCount = 15,
                                 .totalKeys = 16,
                                 .digest = {17, 18}};
  return record;
}

EventRecord event() {
  EventRecord record;
  record.id = "clear-1";
  record.number = 5;
  record.instance = "llama-0";
  record.location = "gpu";
  record.ranks.push_back({.worker = 1,
                          .errorCode = 2,
                          .run = 3,
                          .numTokens = 4,
                          .error = "no",
                          .status = RankStatus::kFailed});
  return record;
}

// One of each.
StoreBatch everyStep() {
  InstanceRecord instance{"llama-0", 2, 5, true};
  WorkerRecord worker;
  worker.instance = "llama-0";
  worker.worker = 1;
  worker.ip = "10.0.0.1";
  worker.state = WorkerState::kLost;
  worker.labels = {{"zone", "eu"}};
  const PinRecord pin{
      .eventId = "pin-1", .pinnedWallMs = 1, .expiresWallMs = 2, .expiresStoreMs = 3};
  StoreBatch batch;
  batch.synced = true;
  batch.steps = {PutInstance{0, instance},
                 PutWorker{1, worker},
                 PutLocation{1, location()},
                 DropGeneration{1, 2, 3},
                 DropLocation{1, 2},
                 DropFold{1, 2, 3, 4},
                 DropJournal{1, 2, 3, 4, 5},
                 PutPins{1, 2, pin, {6, 7}},
                 DropPins{1, 2, {8}},
                 DropAllPins{1, 2},
                 Release{0},
                 PutEvent{event()},
                 DropEvent{"clear-0"}};
  return batch;
}

TEST(FrameBodyTest, EveryWriteComesBackWhole) {
  const std::vector<ChunkHash> keys = {1, 2, ~uint64_t{0}};
  const uint8_t evicts = 2;
  const auto report = journal(keys, &evicts);
  const auto sync = syncBatch(keys);
  FrameBody sent;
  sent.owners = {{"llama-0", {}}, {"llama-0", 1}};
  sent.writes = {LoggedReport{1, 2, 3, 4, 5, report}, LoggedSyncBatch{1, 6, 7, 8, sync},
                 everyStep()};
  const auto words = wordsOf(encodeBody(sent));
  const auto got = decodeBody(words);
  ASSERT_TRUE(got);
  EXPECT_EQ(got->owners, sent.owners);
  ASSERT_EQ(got->writes.size(), 3u);

  const auto& gotReport = std::get<LoggedReport>(got->writes[0]);
  EXPECT_EQ(gotReport.owner, 1u);
  EXPECT_EQ(gotReport.location, 2u);
  EXPECT_EQ(gotReport.generation, 3u);
  EXPECT_EQ(gotReport.stream, 4u);
  EXPECT_EQ(gotReport.firstSeq, 5u);
  const auto entry = decodeJournal(gotReport.record);
  ASSERT_TRUE(entry);
  EXPECT_EQ(std::vector<ChunkHash>(entry->operations.keys.begin(), entry->operations.keys.end()),
            keys);
  EXPECT_TRUE(entry->operations.evicts.test(1));
  EXPECT_EQ(entry->countAfter, 7u);

  const auto& gotSync = std::get<LoggedSyncBatch>(got->writes[1]);
  EXPECT_EQ(gotSync.number, 8u);
  EXPECT_EQ(gotSync.generation, 7u);
  const auto gotKeys = decodeBatch(gotSync.record);
  ASSERT_TRUE(gotKeys);
  EXPECT_EQ(std::vector<ChunkHash>(gotKeys->begin(), gotKeys->end()), keys);

  const auto& steps = std::get<StoreBatch>(got->writes[2]);
  EXPECT_TRUE(steps.synced);
  ASSERT_EQ(steps.steps.size(), everyStep().steps.size());
  for (size_t i = 0; i < steps.steps.size(); ++i) {
    EXPECT_EQ(steps.steps[i].index(), everyStep().steps[i].index());
  }
  EXPECT_TRUE(std::get<PutInstance>(steps.steps[0]).record.drained);
  EXPECT_EQ(std::get<PutWorker>(steps.steps[1]).record.labels.at(0).value, "eu");
  EXPECT_EQ(std::get<PutLocation>(steps.steps[2]).record.live, location().live);
  EXPECT_EQ(std::get<PutLocation>(steps.steps[2]).record.building, location().building);
  EXPECT_EQ(std::get<DropJournal>(steps.steps[6]).throughSeq, 5u);
  EXPECT_EQ(std::get<PutPins>(steps.steps[7]).chunks, std::vector<ChunkHash>({6, 7}));
  EXPECT_EQ(std::get<PutEvent>(steps.steps[11]).record, event());
  EXPECT_EQ(std::get<DropEvent>(steps.steps[12]).id, "clear-0");
  // Nothing of it is lost: it is written as it was.
  EXPECT_EQ(encodeBody(*got), encodeBody(sent));
}

TEST(FrameBodyTest, ABatchOfAnySizeIsOneMessage) {
  StoreBatch batch;
  std::vector<ChunkHash> chunks(100'000);
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i] = i * 0x9E3779B97F4A7C15u;
  for (int i = 0; i < 20; ++i) {
    EventRecord pinning = event();
    pinning.id += std::to_string(i);
    pinning.toPin = chunks;
    batch.steps.emplace_back(PutEvent{pinning});
  }
  FrameBody sent;
  sent.writes.emplace_back(batch);
  const auto words = wordsOf(encodeBody(sent));
  const auto got = decodeBody(words);
  ASSERT_TRUE(got);
  const auto& steps = std::get<StoreBatch>(got->writes[0]).steps;
  ASSERT_EQ(steps.size(), 20u);
  EXPECT_EQ(std::get<PutEvent>(steps[19]).record.toPin, chunks);
}

TEST(FrameBodyTest, OwnersThatAreNotNamedAreDamage) {
  const auto record = syncBatch({1});
  const auto decodes = [](LoggedWrite write) {
    FrameBody body;
    body.owners = {{"llama-0", 0}};
    body.writes.push_back(std::move(write));
    return decodeBody(wordsOf(encodeBody(body))).has_value();
  };
  EXPECT_TRUE(decodes(LoggedSyncBatch{0, 0, 0, 0, record}));
  EXPECT_FALSE(decodes(LoggedSyncBatch{1, 0, 0, 0, record}));
  EXPECT_FALSE(decodes(LoggedReport{1, 0, 0, 0, 1, record}));
  EXPECT_FALSE(decodes(LoggedReport{0, 0, 0, 0, 1, {}})) << "no record";
  EXPECT_TRUE(decodes(StoreBatch{{Release{0}}, false}));
  EXPECT_FALSE(decodes(StoreBatch{{Release{1}}, false}));
  EXPECT_TRUE(decodes(StoreBatch{{DropEvent{"e"}}, false})) << "an event has no owner";
  EXPECT_FALSE(decodes(StoreBatch{{DropEvent{""}}, false}));
}

TEST(FrameBodyTest, OwnersHaveNames) {
  const auto decodes = [](std::string instance) {
    FrameBody body;
    body.owners = {{std::move(instance), {}}};
    return decodeBody(wordsOf(encodeBody(body))).has_value();
  };
  EXPECT_TRUE(decodes("llama-0"));
  EXPECT_FALSE(decodes(""));
  EXPECT_FALSE(decodes(std::string(kInstanceIdBytesMax + 1, 'x')));
}

TEST(FrameBodyTest, CutsAndFlippedBitsNeverThrow) {
  FrameBody sent;
  sent.owners = {{"llama-0", {}}, {"llama-0", 1}};
  const auto record = syncBatch({1, 2, 3});
  sent.writes = {LoggedSyncBatch{1, 6, 7, 8, record}, everyStep()};
  const auto words = wordsOf(encodeBody(sent));
  for (size_t n = 0; n < words.size(); ++n) decodeBody(std::span(words).first(n));
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    auto damaged = words;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      damaged[random() % damaged.size()] ^= uint64_t{1} << (random() % 64);
    }
    if (const auto got = decodeBody(damaged)) {
      // What decodes can be passed on.
      const auto again = wordsOf(encodeBody(*got));
      EXPECT_TRUE(decodeBody(again));
    }
  }
}

}  // namespace
}  // namespace holdfast::replication
