// salvage: of a store that is damaged in one way or another everything is saved that can be, and
// nothing that is not so.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "inspect/registry_view.h"
#include "store/live_keys.h"
#include "store/rocks_store.h"
#include "tests/inspect/planted_store.h"
#include "tests/inspect/store_grower.h"
#include "tests/store/raw_store.h"
#include "tests/support/message_of.h"
#include "tests/support/ran.h"

namespace holdfast::test {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

// The keys of each location, by "instance/worker/location", and where its journal ends.
struct Held {
  uint64_t seq = 0;
  std::vector<ChunkHash> keys;
  friend bool operator==(const Held&, const Held&) = default;
};
using Truth = std::map<std::string, Held>;

Truth contentOf(const std::string& dir) {
  Truth truth;
  const auto reader = StoreReader::open(dir);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  if (!reader.ok()) return truth;
  text::Progress progress;
  for (const auto& worker : inspect::viewRegistry(*reader.value(), progress).workers) {
    for (const LocationHead& location : worker.head.locations) {
      Held& held = truth[worker.head.record.instance + "/" +
                         std::to_string(worker.head.record.worker) + "/" + location.record.name];
      held.seq = location.lastSeq;
      LiveKeys keys(*reader.value(), worker.family, location.record);
      for (auto run = keys.next(); !run.empty(); run = keys.next()) {
        held.keys.insert(held.keys.end(), run.begin(), run.end());
      }
      EXPECT_EQ(messageOf(keys.error()), "");
      EXPECT_EQ(held.keys.size(), location.count);
    }
  }
  return truth;
}

std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> filesIn(const std::string& dir) {
  std::map<std::string, std::pair<uintmax_t, fs::file_time_type>> all;
  for (const auto& entry : fs::directory_iterator(dir)) {
    all[entry.path().filename()] = {entry.file_size(), entry.last_write_time()};
  }
  return all;
}

std::string newest(const std::string& dir, const std::string& prefix, const std::string& suffix) {
  std::string found;
  for (const auto& entry : fs::directory_iterator(dir)) {
    const std::string name = entry.path().filename();
    if (name.starts_with(prefix) && name.ends_with(suffix) && entry.file_size() > 0) {
      found = std::max(found, entry.path().string());
    }
  }
  return found;
}

void overwrite(const std::string& path, uint64_t at, uint64_t bytes) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file << std::string(bytes, '#');
}

class Salvaging : public PlantedStore {
 protected:
  // What is saved is as it was, and what is said not to be is not there. The output.
  Ran salvage(int code, const std::string& more = "") {
    fs::remove_all(into());
    const auto before = filesIn(dir());
    const Ran ran =
        runCommand(HOLDFAST_INSPECT " salvage " + dir() + " --into " + into() + " " + more);
    EXPECT_EQ(ran.code, code) << ran.out;
    EXPECT_EQ(filesIn(dir()), before) << "the store was written to";
    EXPECT_FALSE(fs::exists(into() + ".partial"));
    EXPECT_FALSE(fs::exists(into() + ".scratch.partial"));
    if (ran.code == 3) return ran;
    const Ran verified = runCommand(HOLDFAST_INSPECT " verify " + into());
    EXPECT_EQ(verified.code, 0) << verified.out;
    saved_ = contentOf(into());
    // holdfastd starts on it.
    StoreOptions options;
    options.dataDir = into();
    auto store = RocksStore::open(std::move(options));
    EXPECT_TRUE(store.ok()) << store.error().message;
    if (store.ok()) {
      EXPECT_EQ(messageOf(store.value()->close()), "");
    }
    return ran;
  }
  std::string into() const { return dir() + "-new"; }
  // All but those that are named.
  void expectSaved(const std::vector<std::string>& lost = {}) const {
    Truth expected = truth_;
    for (const std::string& name : lost) EXPECT_EQ(expected.erase(name), 1u) << name;
    EXPECT_EQ(saved_.size(), expected.size());
    for (const auto& [name, held] : expected) {
      const auto found = saved_.find(name);
      ASSERT_NE(found, saved_.end()) << name;
      EXPECT_EQ(found->second.seq, held.seq) << name;
      EXPECT_TRUE(found->second.keys == held.keys) << name;
    }
  }

  const Truth truth_ = contentOf(dir());
  Truth saved_;
};

TEST_F(Salvaging, SavesAllOfAWellStore) {
  const Ran ran = salvage(0);
  expectSaved();
  EXPECT_THAT(ran.out, HasSubstr("3 workers with 150,085 memberships"));
  const auto digest = [](const std::string& path) {
    return runCommand(HOLDFAST_INSPECT " digest " + path).out;
  };
  EXPECT_EQ(digest(into()), digest(dir()));
  const Ran events = runCommand(HOLDFAST_INSPECT " events --json " + into());
  EXPECT_EQ(events.out, runCommand(HOLDFAST_INSPECT " events --json " + dir()).out);
  EXPECT_THAT(salvage(0, "--json").out, HasSubstr("\"complete\": true"));
}

TEST_F(Salvaging, WithoutCurrent) {
  fs::remove(dir() + "/CURRENT");
  EXPECT_THAT(salvage(1).out, HasSubstr("CURRENT is missing"));
  expectSaved();
}

TEST_F(Salvaging, WithACurrentThatNamesNothing) {
  std::ofstream(dir() + "/CURRENT") << "MANIFEST-999999\n";
  EXPECT_THAT(salvage(1).out, HasSubstr("CURRENT names no list"));
  expectSaved();
}

TEST_F(Salvaging, WithoutAnyListOfTableFiles) {
  for (std::string list = newest(dir(), "MANIFEST-", ""); !list.empty();
       list = newest(dir(), "MANIFEST-", "")) {
    fs::remove(list);
  }
  EXPECT_THAT(salvage(1).out, HasSubstr("was made anew"));
  expectSaved();
}

TEST_F(Salvaging, WithoutAnyListButWithWhatIsInTheLogs) {
  changeLocation(familyOf("a", 0), 1, [](LocationRecord& record) { record.name = "disk"; });
  while (!newest(dir(), "MANIFEST-", "").empty()) fs::remove(newest(dir(), "MANIFEST-", ""));
  EXPECT_THAT(salvage(1).out, HasSubstr("was made anew"));
  ASSERT_TRUE(saved_.contains("a/0/disk"));
  saved_["a/0/cpu"] = saved_["a/0/disk"];
  saved_.erase("a/0/disk");
  expectSaved();
}

TEST_F(Salvaging, WithAListOfTableFilesThatIsGarbage) {
  const std::string list = newest(dir(), "MANIFEST-", "");
  overwrite(list, fs::file_size(list) / 2, 64);
  EXPECT_THAT(salvage(1).out, HasSubstr("was made anew"));
  expectSaved();
}

TEST_F(Salvaging, WithoutATableFileOfOneWorker) {
  const auto tables = tableFiles(dir(), familyOf("a", 1));
  ASSERT_FALSE(tables.empty());
  for (const std::string& table : tables) fs::remove(table);
  EXPECT_THAT(salvage(1).out, HasSubstr("LOST      instance \"a\" worker 1: it cannot be read"));
  expectSaved({"a/1/gpu"});
}

TEST_F(Salvaging, WithATableFileThatIsGarbage) {
  const auto tables = tableFiles(dir(), familyOf("b", 0));
  ASSERT_FALSE(tables.empty());
  for (const std::string& table : tables) {
    std::ofstream(table, std::ios::binary | std::ios::trunc) << std::string(5000, '#');
  }
  EXPECT_THAT(salvage(1).out, HasSubstr("LOST      instance \"b\" worker 0"));
  expectSaved({"b/0/gpu"});
  // And without the list that tells what is there.
  fs::remove(newest(dir(), "MANIFEST-", ""));
  EXPECT_THAT(salvage(1).out, HasSubstr("LOST      instance \"b\" worker 0: all of it is gone"));
  expectSaved({"b/0/gpu"});
}

TEST_F(Salvaging, WithoutTheOwnerRecords) {
  for (const std::string& table : tableFiles(dir(), "default")) fs::remove(table);
  const Ran ran = salvage(1);
  EXPECT_THAT(ran.out, HasSubstr("the format record is gone"));
  expectSaved();
}

TEST_F(Salvaging, WithAFlippedByteInOneLocation) {
  const std::string family = familyOf("a", 0);
  const LivePart live = location(family, 0).live;
  const std::string segment =
      rawGet(dir(), family, keyOf(segmentKey({0, live.generation, live.fold, 1})));
  size_t flipped = 0;
  for (const std::string& path : tableFiles(dir(), family)) {
    std::ifstream in(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    const size_t at = bytes.find(segment.substr(1000, 100));
    if (at == std::string::npos) continue;
    flipByte(path, at);
    ++flipped;
  }
  ASSERT_GT(flipped, 0u);
  const Ran ran = salvage(1);
  EXPECT_THAT(ran.out, HasSubstr("worker 0, location \"gpu\": reading it fails"));
  expectSaved({"a/0/gpu"});
}

TEST_F(Salvaging, WithAJournalThatHasAGap) {
  const std::string family = familyOf("a", 0);
  const auto records = journal(family, 1);
  ASSERT_EQ(records.size(), 3u);
  rawErase(dir(), family, keyOf(journalKey(records[1])));
  const Ran ran = salvage(1);
  EXPECT_THAT(ran.out, HasSubstr("CUT       instance \"a\" worker 0, location \"cpu\""));
  EXPECT_EQ(saved_.at("a/0/cpu").seq, records[1].firstSeq - 1);
  EXPECT_EQ(saved_.at("a/0/cpu").keys.size(), 3u);
  saved_.erase("a/0/cpu");
  expectSaved({"a/0/cpu"});
}

TEST_F(Salvaging, WithContentThatIsNotAsItWasStated) {
  changeLocation(familyOf("a", 0), 0, [](LocationRecord& record) { ++record.live.baseDigest.a; });
  EXPECT_THAT(salvage(1).out, HasSubstr("LOST      instance \"a\" worker 0, location \"gpu\""));
  expectSaved({"a/0/gpu"});
}

TEST_F(Salvaging, TakesTheFamilyThatCountsOfTwo) {
  const std::string worker = familyOf("a", 1);
  const std::string free = [&] {
    for (const auto& [family, keys] : rawKeys(dir())) {
      if (parseFamilyName(family) && keys.empty()) return family;
    }
    return std::string();
  }();
  rawPut(dir(), free, keyOf(workerKey()), rawGet(dir(), worker, keyOf(workerKey())));
  EXPECT_THAT(salvage(1).out, HasSubstr("family " + free + " is another one of it"));
  expectSaved();
}

TEST_F(Salvaging, LeavesAloneWhatIsThere) {
  fs::create_directory(into());
  const auto refused = [&](const std::string& arguments) {
    const Ran ran = runCommand(HOLDFAST_INSPECT " salvage " + arguments);
    EXPECT_EQ(ran.code, 3) << ran.out;
    return ran.out;
  };
  EXPECT_THAT(refused(dir() + " --into " + into()), HasSubstr("exists already"));
  EXPECT_THAT(refused("/nowhere/at/all --into " + into() + "2"), HasSubstr("no such directory"));
  fs::create_directory(into() + "-empty");
  EXPECT_THAT(refused(into() + "-empty --into " + into() + "2"),
              HasSubstr("no table file is left"));
  EXPECT_FALSE(fs::exists(into() + "2"));
  EXPECT_EQ(runCommand(HOLDFAST_INSPECT " salvage " + dir()).code, 2);
}

// What is in the logs alone: a store whose process was killed.
class SalvagingLogs : public testing::Test {
 protected:
  static constexpr uint64_t kReports = 400;
  static constexpr uint64_t kKeys = 1000;

  SalvagingLogs() : dir_((scratch_.path() / "data").string()) {
    StoreGrower grower(dir_, 1);
    for (uint64_t report = 0; report < kReports; ++report) {
      grower.admit("a", report % 2, "gpu", keys(report));
    }
    grower.settle();
    grower.close();
  }
  static std::vector<ChunkHash> keys(uint64_t report) {
    std::vector<ChunkHash> some;
    for (uint64_t i = 0; i < kKeys; ++i) some.push_back(splitmix64Finalise(report * kKeys + i));
    return some;
  }

  // What the worker had reported up to there, and nothing else.
  void expectPrefix(const Held& held, uint64_t worker) {
    std::vector<ChunkHash> expected;
    for (uint64_t report = worker; expected.size() < held.keys.size(); report += 2) {
      const auto more = keys(report);
      expected.insert(expected.end(), more.begin(), more.end());
    }
    expected.resize(held.keys.size());
    std::sort(expected.begin(), expected.end());
    EXPECT_TRUE(held.keys == expected) << held.keys.size() << " keys";
    EXPECT_EQ(held.seq, held.keys.size());
  }
  Ran salvage() {
    fs::remove_all(into_);
    const Ran ran = runCommand(HOLDFAST_INSPECT " salvage " + dir_ + " --into " + into_);
    EXPECT_EQ(runCommand(HOLDFAST_INSPECT " verify " + into_).code, 0) << ran.out;
    return ran;
  }

  const Scratch scratch_;
  const std::string dir_;
  const std::string into_ = dir_ + "-new";
};

TEST_F(SalvagingLogs, UpToTheDamage) {
  const std::string log = newest(dir_, "", ".log");
  ASSERT_GT(fs::file_size(log), kKeys);
  const Ran whole = salvage();
  ASSERT_EQ(whole.code, 0) << whole.out;
  for (const auto& [name, held] : contentOf(into_)) {
    EXPECT_EQ(held.keys.size(), kReports / 2 * kKeys) << name;
  }
  // Not in its last block, where damage looks like the end of a writer that was killed.
  const uintmax_t bytes = fs::file_size(log);
  overwrite(log, bytes > 128 * kKeys ? bytes / 2 : 64, 64);
  const Ran ran = salvage();
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr(fs::path(log).filename().string() + ": its record is damaged"));
  const Truth saved = contentOf(into_);
  uint64_t all = 0;
  for (uint64_t worker = 0; worker < 2; ++worker) {
    const Held& held = saved.at("a/" + std::to_string(worker) + "/gpu");
    expectPrefix(held, worker);
    EXPECT_GT(held.seq, 0u);
    all += held.keys.size();
  }
  EXPECT_LT(all, kReports * kKeys);
}

// Logs show by the numbers of the writes that they do not follow each other.
TEST_F(SalvagingLogs, UpToALogThatIsOfAnotherStore) {
  const std::string log = newest(dir_, "", ".log");
  const std::string other = (fs::path(dir_) / "999999.log").string();
  fs::copy_file(log, other);
  const Ran ran = salvage();
  EXPECT_EQ(ran.code, 1) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("999999.log: write "));
  EXPECT_THAT(ran.out, HasSubstr("should come next, and it goes on with write "));
  const Truth saved = contentOf(into_);
  for (uint64_t worker = 0; worker < 2; ++worker) {
    const Held& held = saved.at("a/" + std::to_string(worker) + "/gpu");
    expectPrefix(held, worker);
    // Nearly all: a log that the other one's numbers break off may end a little early.
    EXPECT_GT(held.keys.size(), kReports / 2 * kKeys * 9 / 10);
  }
}

}  // namespace
}  // namespace holdfast::test
