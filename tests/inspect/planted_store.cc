#include "tests/inspect/planted_store.h"

#include <filesystem>

#include "format/contents.h"
#include "format/event_records.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "store/store_reader.h"
#include "tests/inspect/store_grower.h"
#include "tests/store/raw_store.h"

namespace holdfast::test {
namespace {

std::vector<ChunkHash> hashes(uint64_t from, uint64_t count) {
  std::vector<ChunkHash> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(splitmix64Finalise(from + i));
  return keys;
}

void fill(const std::string& dir) {
  {
    StoreGrower grower(dir, 1);
    grower.admit("a", 0, "gpu", hashes(0, 1));
    // Each round evicts what the next one admits again, so that the journal outgrows the content
    // and is folded.
    grower.admit("a", 0, "gpu", hashes(0, 150'000));
    for (int round = 0; round < 2; ++round) {
      for (uint64_t at = 0; at < 150'000; at += 4000) {
        grower.evict("a", 0, "gpu", hashes(at, 2000));
        grower.admit("a", 0, "gpu", hashes(at, 2000));
      }
    }
    grower.settle();
    grower.admit("a", 0, "gpu", hashes(1'000'000, 5));
    grower.evict("a", 0, "gpu", hashes(0, 3));
    grower.admit("a", 0, "gpu", hashes(0, 3));
    for (uint64_t i = 0; i < 3; ++i) grower.admit("a", 0, "cpu", hashes(i * 3, i == 2 ? 4 : 3));
    grower.admit("a", 1, "gpu", hashes(500, 50));
    grower.admit("b", 0, "gpu", hashes(0, 20));
    grower.putEvent(plantedEvent("done", "a"));
    grower.putEvent(plantedEvent("failed", "b"));
    grower.putEvent(plantedEvent("unfinished", "a"));
    grower.settle();
    grower.close();
  }
  // A start brings what is in the log to table files.
  StoreGrower again(dir, 1);
  again.settle();
  again.close();
}

const std::string& original() {
  static const Scratch scratch;
  static const std::string dir = [] {
    std::string path = (scratch.path() / "data").string();
    fill(path);
    return path;
  }();
  return dir;
}

}  // namespace

// What came of it is its id; it began the later, the longer that is.
EventRecord plantedEvent(const std::string& id, const std::string& instance) {
  EventRecord event;
  event.id = id;
  event.number = id.size();
  event.kind = id == "failed" ? OperationKind::kCompress : OperationKind::kClear;
  event.instance = instance;
  event.location = "gpu";
  event.createdWallMs = 1'700'000'000'000 + id.size();
  RankRecord& rank = event.ranks.emplace_back();
  rank.run = 7;
  if (id == "unfinished") return event;
  event.finishedWallMs = event.createdWallMs + 1500;
  rank.status = id == "done" ? RankStatus::kDone : RankStatus::kFailed;
  if (id == "done") rank.numTokens = 4096;
  if (id == "failed") rank.error = "out of memory";
  return event;
}

std::string keyOf(const StoreKey& key) {
  return std::string(key.view());
}

PlantedStore::PlantedStore() : dir_((scratch_.path() / "data").string()) {
  std::filesystem::copy(original(), dir_);
}

std::string PlantedStore::familyOf(const std::string& instance,
                                   std::optional<uint32_t> worker) const {
  const auto reader = StoreReader::open(dir_);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  for (const auto& family : reader.value()->families()) {
    if (!family.owner || family.owner->instance != instance) continue;
    if (worker ? family.owner->kind == OwnerKind::kWorker && family.owner->worker == *worker
               : family.owner->kind == OwnerKind::kInstance) {
      return family.name;
    }
  }
  ADD_FAILURE() << "no family of " << instance;
  return "";
}

LocationRecord PlantedStore::location(const std::string& family, uint16_t id) const {
  const auto record = decodeLocation(rawGet(dir_, family, keyOf(locationKey(id))));
  EXPECT_TRUE(record);
  return record.value_or(LocationRecord{});
}

void PlantedStore::changeLocation(const std::string& family, uint16_t id,
                                  const std::function<void(LocationRecord&)>& change) const {
  LocationRecord record = location(family, id);
  change(record);
  rawPut(dir_, family, keyOf(locationKey(id)), encodeRecord(record));
}

void PlantedStore::changeSegment(const std::string& family, const SegmentKey& key,
                                 const std::function<void(std::vector<ChunkHash>&)>& change) const {
  const std::string stored = keyOf(segmentKey(key));
  std::vector<uint64_t> scratch;
  const std::string value = rawGet(dir_, family, stored);
  const auto words = alignedWords(value, scratch);
  ASSERT_TRUE(words);
  const auto segment = decodeSegment(*words);
  ASSERT_TRUE(segment);
  std::vector<ChunkHash> changed(segment->size());
  ASSERT_TRUE(segment->read(changed));
  change(changed);
  rawPut(dir_, family, stored, encodeSegment(changed));
}

std::vector<JournalKey> PlantedStore::journal(const std::string& family, uint16_t id) const {
  std::vector<JournalKey> keys;
  const RawKeys all = rawKeys(dir_);
  for (const std::string& key : all.at(family)) {
    const auto parsed = parseJournalKey(key);
    if (parsed && parsed->location == id) keys.push_back(*parsed);
  }
  return keys;
}

inspect::VerifyOutcome PlantedStore::verify(uint64_t keysMax) const {
  const auto reader = StoreReader::open(dir_);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  if (!reader.ok()) return {};
  text::Progress progress;
  return inspect::verify(*reader.value(), {keysMax}, progress);
}

void PlantedStore::expectOnly(const std::string& kind, const std::vector<std::string>& place,
                              const std::string& what) const {
  const inspect::VerifyOutcome outcome = verify();
  std::string all;
  size_t found = 0;
  for (const inspect::Finding& finding : outcome.findings) {
    const std::string at = describe(finding.place);
    all += finding.kind + " at " + at + ": " + finding.what + "\n";
    EXPECT_NE(finding.remedy, "");
    if (finding.kind != kind || finding.what.find(what) == std::string::npos) continue;
    const bool here = std::all_of(place.begin(), place.end(), [&](const std::string& part) {
      return at.find(part) != std::string::npos;
    });
    if (here) ++found;
  }
  EXPECT_EQ(found, 1u) << all;
  EXPECT_EQ(outcome.problems, 1u) << all;
}

}  // namespace holdfast::test
