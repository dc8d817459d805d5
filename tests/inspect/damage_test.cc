// Planted damage: each kind is found, once, at its place.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "migrations/migrations.h"
#include "tests/inspect/planted_store.h"
#include "tests/store/raw_store.h"

namespace holdfast::test {
namespace {

class Damage : public PlantedStore {
 protected:
  const std::string worker_ = familyOf("a", 0);
  const LivePart live_ = location(worker_, 0).live;
  static constexpr uint16_t kGpu = 0;
  static constexpr uint16_t kCpu = 1;
  SegmentKey segment(uint32_t n) const { return {kGpu, live_.generation, live_.fold, n}; }
  // The table file that holds most of the worker's segments.
  std::string table() const {
    std::string largest;
    for (const std::string& path : tableFiles(dir(), worker_)) {
      if (largest.empty() ||
          std::filesystem::file_size(path) > std::filesystem::file_size(largest)) {
        largest = path;
      }
    }
    return largest;
  }
};

TEST_F(Damage, IsNotFoundWhereThereIsNone) {
  const auto outcome = verify();
  EXPECT_THAT(outcome.findings, testing::IsEmpty());
  EXPECT_GE(outcome.keys, 150'000u);
  EXPECT_GT(outcome.tableFiles, 0u);
  ASSERT_GE(live_.fold, 1u) << "the store was to be folded";
}

TEST_F(Damage, FlippedByteInATableFile) {
  const std::string file = table();
  flipByte(file, std::filesystem::file_size(file) / 2);
  expectOnly("table-file", {worker_, "instance 'a' worker 0", file}, "checksum");
}

TEST_F(Damage, TruncatedTableFile) {
  const std::string file = table();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  expectOnly("table-file", {worker_, "instance 'a' worker 0", file});
}

TEST_F(Damage, MissingTableFile) {
  const std::string file = table();
  std::filesystem::remove(file);
  expectOnly("table-file", {worker_, "instance 'a' worker 0", file});
}

TEST_F(Damage, MissingJournalRecord) {
  const auto records = journal(worker_, kCpu);
  ASSERT_EQ(records.size(), 3u);
  rawErase(dir(), worker_, keyOf(journalKey(records[1])));
  expectOnly("journal-gap", {worker_, "location 'cpu'", "record at seq 7"}, "begin at seq 4");
}

TEST_F(Damage, MissingFirstJournalRecord) {
  rawErase(dir(), worker_, keyOf(journalKey(journal(worker_, kCpu).at(0))));
  expectOnly("journal-gap", {worker_, "location 'cpu'", "record at seq 4"}, "begin at seq 1");
}

TEST_F(Damage, WrongCountInAJournalRecord) {
  const JournalKey key = journal(worker_, kCpu).at(1);
  std::vector<uint64_t> scratch;
  const std::string value = rawGet(dir(), worker_, keyOf(journalKey(key)));
  const auto entry = decodeJournal(*alignedWords(value, scratch));
  ASSERT_TRUE(entry);
  ReportRecord record;
  record.operations = entry->operations;
  record.countAfter = entry->countAfter + 1;
  record.digestAfter = entry->digestAfter;
  std::vector<uint64_t> words(journalWords(record.operations));
  encodeJournal(record, words);
  rawPut(dir(), worker_, keyOf(journalKey(key)),
         {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint64_t)});
  // The record after it is right and is not blamed.
  expectOnly("wrong-count", {worker_, "location 'cpu'", "record at seq 4"},
             "there are 6 keys, it says 7");
}

TEST_F(Damage, EventThatDoesNotDecode) {
  rawPut(dir(), "events", eventKey("evt 1"), "?");
  expectOnly("event", {"events", "event \"evt 1\""}, "does not decode");
}

TEST_F(Damage, EventInThePlaceOfAnother) {
  EventRecord event;
  event.id = "evt 2";
  rawPut(dir(), "events", eventKey("evt 1"), encodeRecord(event));
  expectOnly("event", {"events", "event \"evt 1\""}, "evt 2");
}

TEST_F(Damage, EventOfAnUnknownInstanceIsNoted) {
  rawPut(dir(), "events", eventKey("orphan"), encodeRecord(plantedEvent("orphan", "nobody")));
  const auto outcome = verify();
  EXPECT_EQ(outcome.problems, 0u);
  ASSERT_EQ(outcome.notes, 1u);
  EXPECT_EQ(outcome.findings[0].kind, "event-instance");
  EXPECT_THAT(describe(outcome.findings[0].place), testing::HasSubstr("event \"orphan\""));
  EXPECT_THAT(outcome.findings[0].what, testing::HasSubstr("\"nobody\""));
}

TEST_F(Damage, WrongBaseCount) {
  changeLocation(worker_, kGpu, [](LocationRecord& record) { ++record.live.baseCount; });
  expectOnly("wrong-base", {worker_, "location 'gpu'", "location record"}, "it says");
}

TEST_F(Damage, OneKeyIsAnother) {
  changeSegment(worker_, segment(1), [](std::vector<ChunkHash>& keys) { ++keys[100]; });
  expectOnly("wrong-base", {worker_, "location 'gpu'"}, "another digest");
}

TEST_F(Damage, UnsortedSegment) {
  changeSegment(worker_, segment(1),
                [](std::vector<ChunkHash>& keys) { std::swap(keys[7], keys[8]); });
  expectOnly("segment-order", {worker_, "location 'gpu'", "segment 1 of"}, "hash number 8");
}

TEST_F(Damage, SegmentsInWrongOrder) {
  const std::string first = rawGet(dir(), worker_, keyOf(segmentKey(segment(0))));
  const std::string second = rawGet(dir(), worker_, keyOf(segmentKey(segment(1))));
  rawPut(dir(), worker_, keyOf(segmentKey(segment(0))), second);
  rawPut(dir(), worker_, keyOf(segmentKey(segment(1))), first);
  expectOnly("segment-order", {worker_, "segment 1 of"}, "hash number 0");
}

TEST_F(Damage, SegmentNumberGap) {
  rawErase(dir(), worker_, keyOf(segmentKey(segment(1))));
  expectOnly("segment-missing", {worker_, "location 'gpu'", "segment 1 of"}, "next one there is 2");
}

TEST_F(Damage, LastSegmentMissing) {
  rawErase(dir(), worker_, keyOf(segmentKey(segment(2))));
  expectOnly("wrong-base", {worker_, "location 'gpu'"}, "it says");
}

TEST_F(Damage, UndecodableSegment) {
  rawPut(dir(), worker_, keyOf(segmentKey(segment(0))), "not a message at all....");
  expectOnly("undecodable", {worker_, "location 'gpu'", "segment 0 of"});
}

TEST_F(Damage, UndecodableJournalRecord) {
  rawPut(dir(), worker_, keyOf(journalKey(journal(worker_, kCpu).at(1))), "short");
  expectOnly("undecodable", {worker_, "location 'cpu'", "record at seq 4"});
}

TEST_F(Damage, UndecodableLocationRecord) {
  rawPut(dir(), worker_, keyOf(locationKey(kCpu)), "?");
  expectOnly("location-record", {worker_, "record of location 1"}, "does not decode");
}

TEST_F(Damage, TwoLocationsOfOneName) {
  changeLocation(worker_, kCpu, [](LocationRecord& record) { record.name = "gpu"; });
  expectOnly("location-record", {worker_, "location 'gpu'", "record of location 1"},
             "another location has this name");
}

TEST_F(Damage, GenerationThatWillBeGivenAgain) {
  changeLocation(worker_, kCpu,
                 [](LocationRecord& record) { record.nextGeneration = record.live.generation; });
  expectOnly("location-record", {worker_, "location 'cpu'"}, "not below the next one");
}

TEST_F(Damage, FamilyWithoutOwner) {
  const std::string family = familyOf("b", 0);
  rawErase(dir(), "default", ownerKey(family));
  expectOnly("unowned-family", {"family " + family});
}

TEST_F(Damage, OwnerWithoutFamily) {
  OwnerRecord owner{"c", OwnerKind::kWorker, 5};
  rawPut(dir(), "default", ownerKey("f/09999"), encodeRecord(owner));
  expectOnly("missing-family", {"family f/09999", "instance 'c' worker 5"});
}

TEST_F(Damage, TwoFamiliesOfOneOwner) {
  const std::string free = [&] {
    for (const auto& [family, keys] : rawKeys(dir())) {
      if (parseFamilyName(family) && keys.empty()) return family;
    }
    return std::string();
  }();
  rawPut(dir(), free, keyOf(workerKey()), rawGet(dir(), worker_, keyOf(workerKey())));
  rawPut(dir(), "default", ownerKey(free), rawGet(dir(), "default", ownerKey(worker_)));
  expectOnly("second-family", {"family " + free, "instance 'a' worker 0"}, worker_);
}

TEST_F(Damage, UndecodableOwnerRecord) {
  rawPut(dir(), "default", ownerKey(worker_), "?");
  expectOnly("owner-record", {"family " + worker_});
}

TEST_F(Damage, StaleGenerationLeftBehind) {
  changeLocation(worker_, kCpu, [](LocationRecord& record) {
    record.nextGeneration = record.live.generation + 2;
  });
  JournalKey stale = journal(worker_, kCpu).at(0);
  const std::string value = rawGet(dir(), worker_, keyOf(journalKey(stale)));
  ++stale.generation;
  rawPut(dir(), worker_, keyOf(journalKey(stale)), value);
  expectOnly("stale-generation", {worker_, "location 'cpu'", "journal of generation"});
}

TEST_F(Damage, StaleFoldLeftBehind) {
  SegmentKey stale = segment(0);
  const std::string value = rawGet(dir(), worker_, keyOf(segmentKey(stale)));
  stale.fold += 7;
  rawPut(dir(), worker_, keyOf(segmentKey(stale)), value);
  expectOnly("stale-fold", {worker_, "location 'gpu'", "fold " + std::to_string(stale.fold)});
}

TEST_F(Damage, AnUnfinishedFoldIsNone) {
  SegmentKey next = segment(0);
  const std::string value = rawGet(dir(), worker_, keyOf(segmentKey(next)));
  ++next.fold;
  rawPut(dir(), worker_, keyOf(segmentKey(next)), value);
  const auto outcome = verify();
  EXPECT_EQ(outcome.problems, 0u);
  ASSERT_EQ(outcome.notes, 1u);
  EXPECT_EQ(outcome.findings[0].kind, "unfinished-fold");
}

TEST_F(Damage, StaleJournalRecordLeftBehind) {
  JournalKey stale{kGpu, live_.generation, live_.stream, live_.baseSeq - 10};
  rawPut(dir(), worker_, keyOf(journalKey(stale)),
         rawGet(dir(), worker_, keyOf(journalKey(journal(worker_, kCpu).at(0)))));
  expectOnly("stale-journal", {worker_, "location 'gpu'", std::to_string(live_.baseSeq - 10)});
}

TEST_F(Damage, StreamThatWasNeverBegun) {
  JournalKey future = journal(worker_, kCpu).at(2);
  const std::string value = rawGet(dir(), worker_, keyOf(journalKey(future)));
  future.stream += 1;
  rawPut(dir(), worker_, keyOf(journalKey(future)), value);
  expectOnly("unknown-stream",
             {worker_, "location 'cpu'", "stream " + std::to_string(future.stream)});
}

TEST_F(Damage, BatchesLeftBehindByAFold) {
  const BatchKey key{kGpu, live_.generation, 0};
  rawPut(dir(), worker_, keyOf(batchKey(key)),
         rawGet(dir(), worker_, keyOf(segmentKey(segment(0)))));
  expectOnly("stale-batches", {worker_, "location 'gpu'"});
}

TEST_F(Damage, RecordsOfALocationThatIsNotDeclared) {
  JournalKey stray = journal(worker_, kCpu).at(0);
  const std::string value = rawGet(dir(), worker_, keyOf(journalKey(stray)));
  stray.location = 9;
  rawPut(dir(), worker_, keyOf(journalKey(stray)), value);
  expectOnly("undeclared-location", {worker_, "journal of generation", "of location 9"});
}

TEST_F(Damage, WorkerRecordOfAnotherWorker) {
  rawPut(dir(), worker_, keyOf(workerKey()), rawGet(dir(), familyOf("a", 1), keyOf(workerKey())));
  expectOnly("worker-record", {worker_, "instance 'a' worker 0"}, "instance 'a' worker 1");
}

TEST_F(Damage, MissingWorkerRecord) {
  rawErase(dir(), worker_, keyOf(workerKey()));
  expectOnly("worker-record", {worker_, "instance 'a' worker 0"}, "missing");
}

TEST_F(Damage, MissingInstanceRecord) {
  const std::string family = familyOf("a", std::nullopt);
  rawErase(dir(), family, keyOf(instanceKey()));
  rawErase(dir(), "default", ownerKey(family));
  expectOnly("missing-instance", {"instance 'a'"});
}

TEST_F(Damage, UndecodableInstanceRecord) {
  const std::string family = familyOf("a", std::nullopt);
  rawPut(dir(), family, keyOf(instanceKey()), "?");
  expectOnly("instance-record", {family, "instance 'a'"});
}

TEST_F(Damage, RecordOfNoKind) {
  rawPut(dir(), worker_, "Zebra", "stripes");
  expectOnly("unknown-key", {worker_, "key 5a65627261"});
}

TEST_F(Damage, NewerFormat) {
  auto format = decodeFormat(rawGet(dir(), "default", std::string(kFormatKey)));
  ASSERT_TRUE(format);
  format->version = newestFormat() + 1;
  rawPut(dir(), "default", std::string(kFormatKey), encodeRecord(*format));
  expectOnly("format", {"the store"}, "format " + std::to_string(newestFormat() + 1));
}

TEST_F(Damage, MissingFormatRecord) {
  rawErase(dir(), "default", std::string(kFormatKey));
  expectOnly("format", {"the store"}, "no format record");
}

// What a full sync builds.
class BuildingDamage : public Damage {
 protected:
  // Two of three batches of a full sync of "cpu" are there, and one report.
  void build() {
    changeLocation(worker_, kCpu, [&](LocationRecord& record) {
      part_.generation = record.nextGeneration++;
      part_.incarnation = 99;
      part_.syncId = 5;
      part_.baseSeq = 40;
      part_.batchCount = 3;
      part_.totalKeys = 9;
      record.building = part_;
    });
    for (const uint32_t number : {0u, 2u}) putBatch(number, {100 + number, 200 + number});
    JournalKey key{kCpu, part_.generation, 0, 41};
    putJournal(key);
    key.firstSeq = 44;
    putJournal(key);
  }
  void putBatch(uint32_t number, const std::vector<ChunkHash>& keys) {
    BatchRecord batch;
    batch.keys = keys;
    std::vector<uint64_t> words(batchWords(keys.size()));
    encodeBatch(batch, words);
    rawPut(dir(), worker_, keyOf(batchKey({kCpu, part_.generation, number})),
           {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint64_t)});
  }
  // Three operations.
  void putJournal(const JournalKey& key) {
    const std::vector<ChunkHash> keys = {7, 8, 9};
    ReportRecord record;
    record.operations.keys = keys;
    record.counted = false;
    std::vector<uint64_t> words(journalWords(record.operations));
    encodeJournal(record, words);
    rawPut(dir(), worker_, keyOf(journalKey(key)),
           {reinterpret_cast<const char*>(words.data()), words.size() * sizeof(uint64_t)});
  }
  BuildingPart part_;
};

TEST_F(BuildingDamage, IsNoneInAFullSyncUnderWay) {
  build();
  EXPECT_THAT(verify().findings, testing::IsEmpty());
}

TEST_F(BuildingDamage, GapInItsJournal) {
  build();
  rawErase(dir(), worker_, keyOf(journalKey({kCpu, part_.generation, 0, 41})));
  expectOnly("journal-gap", {worker_, "location 'cpu'", "record at seq 44"}, "begin at seq 41");
}

TEST_F(BuildingDamage, BatchThatItDoesNotHave) {
  build();
  putBatch(3, {1});
  expectOnly("batch-number", {worker_, "location 'cpu'", "batch 3"}, "only 3 batches");
}

TEST_F(BuildingDamage, UndecodableBatch) {
  build();
  rawPut(dir(), worker_, keyOf(batchKey({kCpu, part_.generation, 2})), "?");
  expectOnly("undecodable", {worker_, "location 'cpu'", "batch 2"});
}

TEST_F(BuildingDamage, MissingBatchOfTheLiveGeneration) {
  build();
  changeLocation(worker_, kCpu, [&](LocationRecord& record) {
    record.live = {};
    record.live.generation = part_.generation;
    record.live.incarnation = part_.incarnation;
    record.live.baseSeq = part_.baseSeq;
    record.building.reset();
  });
  const auto outcome = verify();
  ASSERT_GE(outcome.problems, 1u);
  EXPECT_EQ(outcome.findings[0].kind, "batch-missing");
  EXPECT_THAT(describe(outcome.findings[0].place), testing::HasSubstr("batch 1"));
}

TEST_F(Damage, PinsThatCannotBeRead) {
  rawPut(dir(), worker_, keyOf(pinKey({kCpu, 1})), encodeRecord(PinRecord{"event", 1, 0}));
  EXPECT_THAT(verify().findings, testing::IsEmpty()) << "of what is not held";
  rawPut(dir(), worker_, keyOf(pinKey({kCpu, 2})), "?");
  expectOnly("undecodable", {worker_, "location 'cpu'", "pin with the key 5000"});
}

TEST_F(Damage, PinsOfNoLocationAreOnlyNoted) {
  rawPut(dir(), worker_, keyOf(pinKey({9, 1})), encodeRecord(PinRecord{"event", 1, 0}));
  const auto outcome = verify();
  EXPECT_EQ(outcome.problems, 0u);
  ASSERT_EQ(outcome.findings.size(), 1u);
  EXPECT_EQ(outcome.findings[0].kind, "undeclared-location");
}

// Held keys are bounded: the same is found where a location does not fit.
TEST_F(Damage, IsFoundInSlices) {
  EXPECT_THAT(verify(30'000).findings, testing::IsEmpty());
  changeSegment(worker_, segment(1), [](std::vector<ChunkHash>& keys) { ++keys[100]; });
  const auto outcome = verify(30'000);
  ASSERT_EQ(outcome.problems, 1u);
  EXPECT_EQ(outcome.findings[0].kind, "wrong-base");
}

}  // namespace
}  // namespace holdfast::test
