// Every file of a store and every damage to it: the store starts with what can be trusted and says
// what it has lost of whom, or one message says why it does not start and what can be done. Nothing
// is lost in silence, and nothing is deleted that could be of use.
#include <gmock/gmock.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>

#include "format/keys.h"
#include "format/registry_records.h"
#include "store/kept_files.h"
#include "store/store_reader.h"
#include "store_fixture.h"
#include "tests/support/message_of.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::AnyOf;
using testing::Eq;
using testing::HasSubstr;

constexpr uint32_t kTableWorkers = 4;
constexpr uint32_t kTableReports = 60;
constexpr size_t kReportKeys = 500;
constexpr uint32_t kTableEvents = 200;

enum class File {
  kOldestLog,
  kMiddleLog,
  kNewestLog,
  kWorkerTable,
  kOwnerTable,
  kEventTable,
  kManifest,
  kCurrent,
  kOptions,
  kLock,
  kIdentity,
  kMark,
};
constexpr const char* kFileNames[] = {"OldestLog",  "MiddleLog",  "NewestLog", "WorkerTable",
                                      "OwnerTable", "EventTable", "Manifest",  "Current",
                                      "Options",    "Lock",       "Identity",  "Mark"};
enum class Damage { kFlip, kGarbage, kZeroedPage, kTruncated, kDeleted, kForeign };
constexpr const char* kDamageNames[] = {"a flipped bit", "garbage", "a zeroed page",
                                        "cut in half",   "deleted", "of another store"};
constexpr Damage kDamages[] = {Damage::kFlip,      Damage::kGarbage, Damage::kZeroedPage,
                               Damage::kTruncated, Damage::kDeleted, Damage::kForeign};

// What a start makes of it, the worst first.
enum class Outcome { kRefused, kQuarantined, kBehind, kWhole };
constexpr const char* kOutcomeNames[] = {"refused", "quarantined", "behind", "whole"};

class BehindSink : public ContentSink {
 public:
  void behind(OwnerId owner, uint16_t location, uint64_t confirmedSeq) override {
    EXPECT_EQ(location, 0);
    EXPECT_TRUE(workers.contains(owner) && !finished.contains(owner));
    confirmed[owner] = confirmedSeq;
  }
  std::map<OwnerId, uint64_t> confirmed;
};

// Keys of worker `worker` of the store `which` in the order of their admission.
std::vector<ChunkHash> tableKeys(uint32_t which, uint32_t worker, uint32_t report) {
  return numbers(uint64_t{which} * 1'000'000'000 + uint64_t{worker} * 10'000'000 +
                     uint64_t{report} * kReportKeys,
                 kReportKeys);
}

class DamagedFiles : public StoreFixture {
 protected:
  // Two stores whose files are alike: each worker has registered as often as it has reported.
  static void SetUpTestSuite() {
    prepared_ = makeTestDir();
    for (uint32_t which = 0; which < 2; ++which) prepare(which);
  }
  static void TearDownTestSuite() { fs::remove_all(prepared_); }

  static std::string preparedStore(uint32_t which) {
    return prepared_ + "/" + std::to_string(which);
  }
  static StoreOptions tableOptions(const std::string& dataDir, StoreEvents& events) {
    StoreOptions options;
    options.dataDir = dataDir;
    options.create = true;
    options.familiesFree = 2;
    events.install(options);
    return options;
  }
  static void prepare(uint32_t which) {
    StoreEvents events;
    // Memory for little: one family after the other goes to table files, each with a new log.
    StoreOptions options = tableOptions(preparedStore(which), events);
    options.writeBufferBytes = size_t{640} << 10;
    for (int run = 0; run < 2; ++run) {
      auto opened = RocksStore::open(options);
      ASSERT_TRUE(opened.ok()) << opened.error().message;
      RocksStore& store = *opened.value();
      ContentSink sink;
      store.recover(sink);
      if (run == 0) {
        // In table files after the next start.
        StoreBatch batch;
        batch.steps.emplace_back(PutInstance{store.claim(), {"a", kTableWorkers, 0}});
        store.write(std::move(batch));
        for (uint32_t i = 0; i < kTableWorkers; ++i) {
          put(store, store.claim(), i, 0, true);
        }
        StoreBatch recorded;
        for (uint32_t i = 0; i < kTableEvents; ++i) {
          EventRecord event;
          event.id = std::to_string(which) + "-event-" + std::to_string(i);
          event.instance = "a";
          recorded.steps.emplace_back(PutEvent{event});
        }
        store.write(std::move(recorded));
        ASSERT_EQ(messageOf(store.close()), "");
        continue;
      }
      std::map<uint32_t, OwnerId> owners;
      for (const auto& [owner, stored] : sink.workers) owners[stored.first.worker] = owner;
      std::vector<std::set<ChunkHash>> contents(kTableWorkers);
      for (uint32_t report = 0; report < kTableReports; ++report) {
        Ticket last = 0;
        for (uint32_t i = 0; i < kTableWorkers; ++i) {
          put(store, owners.at(i), i, report + 1, false);
          last = admitTo(store, owners.at(i), contents[i], which, i, report);
        }
        ASSERT_TRUE(events.wait(store, [&] { return events.committed >= last; }));
      }
      ASSERT_EQ(messageOf(store.close()), "");
    }
  }
  static void put(RocksStore& store, OwnerId owner, uint32_t worker, uint64_t attempt,
                  bool withLocation) {
    PutWorker put;
    put.owner = owner;
    put.record.instance = "a";
    put.record.worker = worker;
    put.record.run = 1;
    put.record.attempt = attempt;
    StoreBatch batch;
    batch.steps.emplace_back(put);
    if (withLocation) batch.steps.emplace_back(PutLocation{owner, emptyLocation(0, "gpu", 7)});
    store.write(std::move(batch));
  }
  static Ticket admitTo(RocksStore& store, OwnerId owner, std::set<ChunkHash>& content,
                        uint32_t which, uint32_t worker, uint32_t report) {
    const auto keys = tableKeys(which, worker, report);
    ReportRecord record;
    record.owner = owner;
    record.generation = 1;
    record.stream = 1;
    record.firstSeq = uint64_t{report} * kReportKeys + 1;
    record.operations.keys = keys;
    applyTo(content, record.operations);
    record.countAfter = content.size();
    record.digestAfter = digestOf(content);
    return store.append(record);
  }

  // Of a directory: the file to be damaged.
  static std::string pick(const std::string& dir, File file) {
    std::vector<std::string> logs;
    std::string options;
    for (const auto& entry : fs::directory_iterator(dir)) {
      const std::string path = entry.path().string();
      if (logNumber(path) && entry.file_size() > 0) logs.push_back(path);
      if (path.find("OPTIONS-") != std::string::npos) options = std::max(options, path);
    }
    std::sort(logs.begin(), logs.end());
    EXPECT_GE(logs.size(), 3u) << "the store was to have several logs";
    switch (file) {
      case File::kOldestLog:
        return logs.front();
      case File::kMiddleLog:
        return logs[logs.size() / 2];
      case File::kNewestLog:
        return logs.back();
      case File::kWorkerTable:
        return tableOf(dir, "");
      case File::kOwnerTable:
        return tableOf(dir, "default");
      case File::kEventTable:
        return tableOf(dir, std::string(kEventsFamily));
      case File::kManifest: {
        std::string name;
        std::ifstream(dir + "/CURRENT") >> name;
        return dir + "/" + name;
      }
      case File::kCurrent:
        return dir + "/CURRENT";
      case File::kOptions:
        return options;
      case File::kLock:
        return dir + "/LOCK";
      case File::kIdentity:
        return dir + "/IDENTITY";
      case File::kMark:
        return dir + "/COMMITTED";
    }
    return "";
  }
  // The largest of a family; "": of any worker's.
  static std::string tableOf(const std::string& dir, const std::string& name) {
    const auto reader = StoreReader::open(dir);
    EXPECT_TRUE(reader.ok());
    std::set<std::string> families;
    for (const auto& family : reader.value()->families()) {
      if (family.owner && family.owner->kind == OwnerKind::kWorker) families.insert(family.name);
    }
    if (!name.empty()) families = {name};
    StoreReader::TableFile largest;
    for (const auto& table : reader.value()->tableFiles()) {
      if (families.contains(table.family) && table.bytes > largest.bytes) largest = table;
    }
    EXPECT_FALSE(largest.path.empty());
    return largest.path;
  }

  static void damage(const std::string& path, Damage damage, const std::string& foreign) {
    const uint64_t bytes = fs::file_size(path);
    if (damage == Damage::kDeleted) {
      fs::remove(path);
    } else if (damage == Damage::kForeign) {
      fs::copy_file(foreign, path, fs::copy_options::overwrite_existing);
    } else if (damage == Damage::kTruncated) {
      fs::resize_file(path, bytes / 2);
    } else {
      std::ifstream from(path, std::ios::binary);
      std::string content{std::istreambuf_iterator<char>(from), {}};
      from.close();
      size_t at = content.size() / 2;
      if (damage == Damage::kFlip && !content.empty()) content[at] ^= 0x10;
      if (damage == Damage::kGarbage) {
        for (size_t i = at; i < std::min(at + 64, content.size()); ++i) {
          content[i] = static_cast<char>(i * 151 + 77);
        }
      }
      if (damage == Damage::kZeroedPage) {
        at &= ~size_t{4095};
        std::fill(
            content.begin() + static_cast<std::ptrdiff_t>(at),
            content.begin() + static_cast<std::ptrdiff_t>(std::min(at + 4096, content.size())),
            '\0');
      }
      std::ofstream(path, std::ios::binary) << content;
    }
  }

  static std::string joined(const std::vector<std::string>& lines) {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }
  static size_t dataFiles(const std::string& dir) {
    return static_cast<size_t>(std::count_if(fs::directory_iterator(dir), fs::directory_iterator(),
                                             [](const fs::directory_entry& entry) {
                                               const std::string path = entry.path().string();
                                               return path.ends_with(".sst") || logNumber(path);
                                             }));
  }

  Outcome refused(const std::string& message, size_t filesBefore) {
    EXPECT_THAT(message, HasSubstr(data_));
    EXPECT_THAT(message, HasSubstr(fs::path(damaged_).filename().string()));
    EXPECT_THAT(message, HasSubstr("backup"));
    EXPECT_THAT(message, HasSubstr("holdfast-inspect salvage " + data_ + " --into NEW"));
    EXPECT_THAT(message, HasSubstr("new directory"));
    EXPECT_GE(dataFiles(data_), filesBefore);
    return Outcome::kRefused;
  }

  // A start of the damaged store: every worker is as it once was, and what it is behind is said.
  Outcome start() {
    const size_t filesBefore = dataFiles(data_);
    const auto reader = StoreReader::open(data_);
    StoreEvents events;
    auto opened = RocksStore::open(tableOptions(data_, events));
    if (!opened.ok()) return refused(opened.error().message, filesBefore);
    BehindSink sink;
    opened.value()->recover(sink);
    const std::string said = joined(events.logged());
    std::set<OwnerId> faulty;
    for (const std::string& fault : sink.faults) {
      faulty.insert(static_cast<OwnerId>(std::stoul(fault.substr(std::strlen("owner ")))));
    }
    Outcome outcome = Outcome::kWhole;
    const auto atMost = [&](Outcome worse) { outcome = std::min(outcome, worse); };
    std::set<uint32_t> seen;
    for (const DamagedOwner& owner : sink.damages) {
      if (owner.isWorker) seen.insert(owner.worker);
      std::cout << "worker " << owner.worker << ": " << owner.reason << '\n';
      atMost(Outcome::kQuarantined);
    }
    for (const auto& [owner, stored] : sink.workers) {
      const uint32_t worker = stored.first.worker;
      if (!sink.finished.contains(owner)) continue;
      seen.insert(worker);
      if (faulty.contains(owner)) {
        // The registry quarantines it, with a warning.
        for (const std::string& fault : sink.faults) std::cout << fault << '\n';
        atMost(Outcome::kQuarantined);
        continue;
      }
      const StoredLocation& location = sink.contents.at(owner).at(0);
      const uint64_t full = uint64_t{kTableReports} * kReportKeys;
      std::set<ChunkHash> earlier;
      for (uint32_t report = 0; report < location.lastSeq / kReportKeys; ++report) {
        for (const ChunkHash key : tableKeys(0, worker, report)) earlier.insert(key);
      }
      EXPECT_EQ(location.keys, earlier) << "worker " << worker << " was never like that";
      const uint64_t reports = location.lastSeq / kReportKeys;
      EXPECT_THAT(stored.first.attempt, AnyOf(Eq(reports), Eq(reports + 1)))
          << "worker " << worker << " was never like that";
      if (location.lastSeq == full) continue;
      atMost(Outcome::kBehind);
      // By how much is said; without the mark, that it may be behind.
      EXPECT_THAT(sink.confirmed[owner], AnyOf(Eq(full), Eq(0u)));
      EXPECT_TRUE(sink.confirmed.contains(owner)) << "worker " << worker << " is silently behind";
      EXPECT_THAT(said, HasSubstr("worker " + std::to_string(worker) + ": location 'gpu' is back"));
    }
    for (uint32_t worker = 0; worker < kTableWorkers; ++worker) {
      if (seen.contains(worker)) continue;
      atMost(Outcome::kBehind);
      EXPECT_THAT(said, HasSubstr("worker " + std::to_string(worker) + ": is gone"));
    }
    if (outcome == Outcome::kBehind) {
      EXPECT_THAT(said, HasSubstr(fs::path(damaged_).filename().string()));
    }
    if (sink.events.size() != kTableEvents) {
      EXPECT_THAT(said, HasSubstr("not all events can be read"));
      eventsLost_ = true;
    }
    // The tools see the same.
    EXPECT_TRUE(reader.ok()) << (reader.ok() ? "" : reader.error().message);
    if (reader.ok() && outcome == Outcome::kBehind) {
      EXPECT_TRUE(reader.value()->lossIsDamage());
      EXPECT_THAT(reader.value()->losses(), testing::Not(testing::IsEmpty()));
    }
    EXPECT_EQ(messageOf(opened.value()->close()), "");
    opened.value().reset();
    startAgain(sink.content(), outcome, sink.confirmed);
    return outcome;
  }

  // Nothing new is wrong with it, and it is used as any other.
  void startAgain(const StoredContent& before, Outcome outcome,
                  const std::map<OwnerId, uint64_t>& owed) {
    StoreEvents events;
    auto opened = RocksStore::open(tableOptions(data_, events));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    BehindSink sink;
    opened.value()->recover(sink);
    // Nobody has come to make up for it.
    EXPECT_EQ(sink.confirmed, owed);
    if (outcome != Outcome::kQuarantined && !eventsLost_) {
      EXPECT_EQ(joined(events.logged()), "");
      EXPECT_THAT(sink.damages, testing::IsEmpty());
    }
    EXPECT_EQ(sink.content(), before);
    const OwnerId owner = addWorker(*opened.value(), "b", 0);
    StoredLocation content;
    const Ticket ticket = admit(*opened.value(), owner, content, {1, 2, 3});
    EXPECT_TRUE(events.wait(*opened.value(), [&] { return events.committed >= ticket; }));
  }

  static std::string prepared_;
  std::string data_;
  std::string damaged_;  // the file
  bool eventsLost_ = false;
};

std::string DamagedFiles::prepared_;

class DamageTable : public DamagedFiles, public testing::WithParamInterface<File> {};

// What may come of it. Which families are in which log depends on when they went to table files.
std::set<Outcome> allowed(File file, Damage damage) {
  switch (file) {
    case File::kOldestLog:
    case File::kMiddleLog:
      // All that was in it may be in table files already.
      return {Outcome::kBehind, Outcome::kWhole};
    case File::kNewestLog:
      return {Outcome::kBehind};
    case File::kWorkerTable:
      return {Outcome::kQuarantined};
    case File::kOwnerTable:
    case File::kManifest:
      return {Outcome::kRefused};
    default:
      (void)damage;
      return {Outcome::kWhole};
  }
}

TEST_P(DamageTable, IsNeverSilent) {
  const File file = GetParam();
  for (const Damage kind : kDamages) {
    SCOPED_TRACE(kDamageNames[static_cast<size_t>(kind)]);
    data_ = dir_ + "/" + std::to_string(static_cast<int>(kind));
    fs::copy(preparedStore(0), data_, fs::copy_options::recursive);
    damaged_ = pick(data_, file);
    damage(damaged_, kind, pick(preparedStore(1), file));
    eventsLost_ = false;
    const Outcome outcome = start();
    EXPECT_EQ(eventsLost_, file == File::kEventTable);
    std::cout << kFileNames[static_cast<size_t>(file)] << ", "
              << kDamageNames[static_cast<size_t>(kind)] << ": "
              << kOutcomeNames[static_cast<size_t>(outcome)] << '\n';
    EXPECT_TRUE(allowed(file, kind).contains(outcome))
        << kOutcomeNames[static_cast<size_t>(outcome)];
    fs::remove_all(data_);
  }
}

INSTANTIATE_TEST_SUITE_P(Files, DamageTable,
                         testing::Values(File::kOldestLog, File::kMiddleLog, File::kNewestLog,
                                         File::kWorkerTable, File::kOwnerTable, File::kEventTable,
                                         File::kManifest, File::kCurrent, File::kOptions,
                                         File::kLock, File::kIdentity, File::kMark),
                         [](const auto& given) {
                           return kFileNames[static_cast<size_t>(given.param)];
                         });

// Undamaged, they say nothing.
TEST_F(DamagedFiles, AreNotSeenWhereThereIsNoDamage) {
  data_ = dir_ + "/data";
  fs::copy(preparedStore(0), data_, fs::copy_options::recursive);
  EXPECT_EQ(start(), Outcome::kWhole);
}

}  // namespace
}  // namespace holdfast
