#include "store/store_reader.h"

#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "format/iterate.h"
#include "migrations/migrations.h"
#include "os/file_limit.h"
#include "store/data_directory.h"
#include "store/dropped_bytes.h"
#include "store/family_options.h"
#include "store/info_log.h"
#include "store/log_replay.h"
#include "store/open_status.h"
#include "store/pinned_files.h"
#include "store/store_loss.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// Attempts to find the families that the owner records name: a writer adds some at any time.
constexpr int kAttemptsMax = 8;

Error cannotOpen(const std::string& dataDir, const std::string& why) {
  return unavailable("cannot open the store in " + dataDir + ": " + why);
}

}  // namespace

struct StoreReader::Parts {
  std::string dataDir;
  PinnedFiles files;
  bool besideWriter = false;
  std::string damage;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> handles;  // of all families, to be destroyed
  rocksdb::ColumnFamilyHandle* defaultFamily = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> familyHandles;  // parallel to `families`
  std::vector<Family> families;
  std::vector<Family> missing;
  FormatRecord format;
  std::string formatError;
  std::optional<CommitMark> mark;
  LogReplay replay;
  DroppedBytes dropped;
  StoreLoss loss;

  ~Parts() { close(); }
  void close();
  std::optional<Error> readMark();
  void judge();
  rocksdb::DBOptions options(bool strict);
  rocksdb::Status openFiles(bool strict);
  void readFormat();
  rocksdb::Status readOwners();
};

void StoreReader::Parts::close() {
  if (!db) return;
  for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  handles.clear();
  familyHandles.clear();
  families.clear();
  missing.clear();
  db.reset();
}

// Beside a writer the files go on while they are looked at, and the mark is of another moment.
std::optional<Error> StoreReader::Parts::readMark() {
  if (besideWriter) return std::nullopt;
  ReadMark read = readCommitMark(dataDir);
  if (!read.problem.empty()) {
    loss.what.push_back(
        "its file " + std::string(kCommitMarkFile) +
        ", which says what a damaged log has lost, cannot be used: " + read.problem);
  }
  mark = std::move(read.mark);
  if (mark) {
    const auto instead = manifestInstead(dataDir, *mark);
    if (auto wrong = checkManifest(dataDir, *mark, instead)) return wrong;
    if (instead) {
      files.useManifest(*instead);
      damage = "its file CURRENT is missing or damaged; a start of holdfastd writes it anew";
    }
  }
  replay.expect(mark ? std::optional(mark->store) : std::nullopt, missingLogs(dataDir, mark));
  return std::nullopt;
}

void StoreReader::Parts::judge() {
  const std::vector<std::string> unread = dropped.takeSentences();
  if (besideWriter) return;
  StoreLoss judged = judgeLoss(mark, replay, db->GetLatestSequenceNumber());
  if (judged.any()) judged.what.insert(judged.what.begin(), unread.begin(), unread.end());
  loss.damage = judged.damage;
  loss.what.insert(loss.what.end(), judged.what.begin(), judged.what.end());
}

rocksdb::DBOptions StoreReader::Parts::options(bool strict) {
  rocksdb::DBOptions result;
  result.info_log = makeInfoLog({}, &dropped);
  // As holdfastd reads it: what verify sees is what a start would serve.
  result.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  result.wal_filter = &replay;
  result.max_open_files = -1;
  result.paranoid_checks = strict;
  result.stats_dump_period_sec = 0;
  result.stats_persist_period_sec = 0;
  return result;
}

// Everything but the owners.
rocksdb::Status StoreReader::Parts::openFiles(bool strict) {
  const rocksdb::DBOptions dbOptions = options(strict);
  const std::string& directory = files.directory();
  std::vector<std::string> names;
  rocksdb::Status status = rocksdb::DB::ListColumnFamilies(dbOptions, directory, &names);
  if (!status.ok()) return status;
  std::sort(names.begin(), names.end());
  const rocksdb::ColumnFamilyOptions familyOptions = storedFamilyOptions();
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) descriptors.emplace_back(name, familyOptions);
  rocksdb::DB* opened = nullptr;
  status =
      rocksdb::DB::OpenForReadOnly(dbOptions, directory, descriptors, &handles, &opened, false);
  if (!status.ok()) return status;
  db.reset(opened);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == rocksdb::kDefaultColumnFamilyName) {
      defaultFamily = handles[i];
    } else {
      familyHandles.push_back(handles[i]);
      families.push_back({names[i], std::nullopt, false});
    }
  }
  return status;
}

void StoreReader::Parts::readFormat() {
  std::string value;
  const rocksdb::Status found =
      db->Get(rocksdb::ReadOptions(), defaultFamily, std::string(kFormatKey), &value);
  const std::optional<FormatRecord> record = found.ok() ? decodeFormat(value) : std::nullopt;
  format = record.value_or(FormatRecord{});
  formatError.clear();
  const std::string store = "the store in " + dataDir;
  if (found.IsNotFound()) {
    formatError = store + " has no format record, so it was never whole; restore a backup";
  } else if (!found.ok()) {
    formatError = "the format record of " + store +
                  " cannot be read: " + files.translated(found.ToString()) + "; restore a backup";
  } else if (!record) {
    formatError = "the format record of " + store + " does not decode; restore a backup";
  } else if (format.version > newestFormat()) {
    formatError = store + " has format " + std::to_string(format.version) +
                  ", this program knows formats up to " + std::to_string(newestFormat()) +
                  "; use the program that wrote it or a newer one";
  }
}

rocksdb::Status StoreReader::Parts::readOwners() {
  std::map<std::string, size_t, std::less<>> byName;
  for (size_t i = 0; i < families.size(); ++i) byName[families[i].name] = i;
  const std::unique_ptr<rocksdb::Iterator> records(
      db->NewIterator(rocksdb::ReadOptions(), defaultFamily));
  for (records->Seek(rocksdb::Slice(kOwnerPrefix.data(), kOwnerPrefix.size())); records->Valid();
       records->Next()) {
    const std::string_view key = records->key().ToStringView();
    if (!key.starts_with(kOwnerPrefix)) break;
    Family owned;
    owned.name = key.substr(kOwnerPrefix.size());
    owned.owner = decodeOwner(records->value().ToStringView());
    owned.ownerDamaged = !owned.owner;
    const auto found = byName.find(owned.name);
    if (found == byName.end()) {
      missing.push_back(std::move(owned));
    } else {
      families[found->second] = std::move(owned);
    }
  }
  return records->status();
}

StoreReader::StoreReader(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StoreReader::~StoreReader() = default;

Result<std::unique_ptr<StoreReader>> StoreReader::open(const std::string& dataDir) {
  std::error_code error;
  if (!fs::exists(dataDir + "/CURRENT", error) && !fs::exists(dataDir + "/COMMITTED", error)) {
    const bool there = fs::is_directory(dataDir, error);
    return cannotOpen(dataDir,
                      std::string(there ? "it holds no file CURRENT, so it is no store"
                                  : fs::exists(dataDir, error) ? "it is a file and no directory"
                                                               : "there is no such directory") +
                          "; name the --data-dir of a holdfastd, or a backup of one");
  }
  raiseFileLimit();
  for (int attempt = 1;; ++attempt) {
    auto parts = std::make_unique<Parts>();
    parts->dataDir = dataDir;
    parts->besideWriter = DataDirectory::inUse(dataDir);
    if (const auto problem = parts->readMark()) {
      return cannotOpen(dataDir, problem->message + "; " + remedies(dataDir));
    }
    if (const auto problem = parts->files.pin(dataDir))
      return cannotOpen(dataDir, problem->message);
    rocksdb::Status status = parts->openFiles(true);
    if (speaksOfDamage(status)) {
      parts->close();
      parts->damage = parts->files.translated(status.ToString());
      status = parts->openFiles(false);
    }
    if (status.ok()) {
      parts->judge();
      parts->readFormat();
      status = parts->readOwners();
    }
    const bool again = parts->besideWriter && attempt < kAttemptsMax;
    if (again && (!status.ok() || !parts->damage.empty() || !parts->missing.empty())) continue;
    if (status.ok()) {
      // A damaged file is opened again and again, so that each time it is said what is wrong.
      if (parts->damage.empty()) parts->files.unlink();
      return std::unique_ptr<StoreReader>(new StoreReader(std::move(parts)));
    }
    return cannotOpen(dataDir, parts->files.translated(status.ToString()) + "; " +
                                   (status.IsIOError() && !speaksOfDamage(status)
                                        ? "check its owner and permissions"
                                        : remedies(dataDir)));
  }
}

const std::string& StoreReader::dataDir() const {
  return parts_->dataDir;
}
bool StoreReader::besideWriter() const {
  return parts_->besideWriter;
}
uint64_t StoreReader::sequence() const {
  return parts_->db->GetLatestSequenceNumber();
}
uint64_t StoreReader::sequenceInTables() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  parts_->db->GetLiveFilesMetaData(&files);
  uint64_t last = 0;
  for (const rocksdb::LiveFileMetaData& file : files) last = std::max(last, file.largest_seqno);
  return last;
}
const std::string& StoreReader::damage() const {
  return parts_->damage;
}
const std::vector<std::string>& StoreReader::losses() const {
  return parts_->loss.what;
}
bool StoreReader::lossIsDamage() const {
  return parts_->loss.damage;
}
const CommitMark* StoreReader::mark() const {
  return parts_->mark ? &*parts_->mark : nullptr;
}
const FormatRecord& StoreReader::format() const {
  return parts_->format;
}
const std::string& StoreReader::formatError() const {
  return parts_->formatError;
}
const std::vector<StoreReader::Family>& StoreReader::families() const {
  return parts_->families;
}
const std::vector<StoreReader::Family>& StoreReader::missingFamilies() const {
  return parts_->missing;
}

std::vector<StoreReader::TableFile> StoreReader::tableFiles() const {
  std::vector<rocksdb::LiveFileMetaData> files;
  parts_->db->GetLiveFilesMetaData(&files);
  std::vector<TableFile> tables;
  tables.reserve(files.size());
  for (const rocksdb::LiveFileMetaData& file : files) {
    tables.push_back(
        {parts_->dataDir + "/" + file.relative_filename, file.column_family_name, file.size});
  }
  return tables;
}

std::optional<Error> StoreReader::verifyTable(const TableFile& table) const {
  rocksdb::ReadOptions reading;
  reading.fill_cache = false;
  reading.readahead_size = size_t{2} << 20;
  const std::string pinned = parts_->files.path(fs::path(table.path).filename().string());
  const rocksdb::Status status =
      rocksdb::VerifySstFileChecksum(rocksdb::Options(), rocksdb::EnvOptions(), reading, pinned);
  if (status.ok()) return std::nullopt;
  std::string what = status.ToString();
  for (size_t at = what.find(pinned); at != std::string::npos; at = what.find(pinned, at)) {
    what.replace(at, pinned.size(), table.path);
    at += table.path.size();
  }
  return unavailable(std::move(what));
}

FamilyRows StoreReader::rows(size_t family, size_t readaheadBytes) const {
  const PinnedFiles& files = parts_->files;
  return FamilyRows(iterateOnce(*parts_->db, parts_->familyHandles[family], readaheadBytes),
                    [&files](std::string text) { return files.translated(std::move(text)); });
}

}  // namespace holdfast
