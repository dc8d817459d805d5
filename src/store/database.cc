#include "store/database.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/file_system.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "core/check.h"
#include "format/keys.h"
#include "os/file_limit.h"
#include "os/give_way.h"
#include "store/copy_manifest.h"
#include "store/directory_guard.h"
#include "store/family_options.h"
#include "store/info_log.h"
#include "store/open_status.h"
#include "store/start_meter.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr size_t kBlockCacheBytes = size_t{32} << 20;
constexpr size_t kManifestBytes = size_t{64} << 20;
// What is remembered of operations is read at a start only: it need not stay in memory for long,
// nor be merged often.
constexpr size_t kEventsWriteBufferBytes = size_t{512} << 10;
constexpr int kEventsFilesUnmerged = 8;
constexpr size_t kTableBlockBytes = size_t{32} << 10;
// As RocksDB divides its background jobs: a quarter are flushes.
constexpr int kFlushesMax = 1;
constexpr int kCompactionsMax = 3;

}  // namespace

// Learns which families compaction cannot read, so that they are left alone next time. Keeps
// RocksDB from recovering by itself: errors are the store thread's, one place, one order (and its
// recovery from a full disk runs into one of its own assertions).
class Database::Listener : public rocksdb::EventListener {
 public:
  void OnCompactionCompleted(rocksdb::DB*, const rocksdb::CompactionJobInfo& info) override {
    if (!info.status.IsCorruption() && !info.status.IsPathNotFound()) return;
    const MutexLock lock(mutex_);
    damaged_.insert(info.cf_name);
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* autoRecovery) override {
    *autoRecovery = false;
  }
  std::set<std::string> take() {
    const MutexLock lock(mutex_);
    return std::exchange(damaged_, {});
  }

 private:
  Mutex mutex_;
  std::set<std::string> damaged_ HOLDFAST_GUARDED_BY(mutex_);
};

Database::Database(const StoreOptions& options)
    : options_(options),
      directory_(options),
      files_(std::make_shared<OpeningFiles>(
          std::make_shared<DirectoryGuard>(options.fileSystem, directory_))),
      kept_(std::make_shared<KeptFiles>(files_)),
      gate_(kept_, options.dataDir),
      listener_(std::make_shared<Listener>()),
      logger_(makeInfoLog([this](const std::string& error) { log(LogLevel::kWarning, error); },
                          &dropped_)),
      writeBuffers_(std::make_shared<rocksdb::WriteBufferManager>(options.writeBufferBytes)) {
  rocksdb::BlockBasedTableOptions tables;
  tables.block_cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  tables.block_size = kTableBlockBytes;
  tables_.reset(rocksdb::NewBlockBasedTableFactory(tables));
}

Database::~Database() {
  close();
}

void Database::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, message);
}

rocksdb::DBOptions Database::dbOptions() const {
  rocksdb::DBOptions db;
  db.env = migrating_ ? gate_.target() : const_cast<CompactionGate*>(&gate_);
  db.info_log = logger_;
  db.listeners = {listener_};
  db.write_buffer_manager = writeBuffers_;
  // With the filter this is a recovery to a point in time, family by family.
  db.wal_recovery_mode = rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  db.wal_filter = const_cast<LogReplay*>(&replay_);
  db.max_total_wal_size = options_.walBytesMax;
  db.max_manifest_file_size = kManifestBytes;
  db.max_open_files = -1;
  // RocksDB starts this many for each family, which takes longer than to open its few files.
  db.max_file_opening_threads = 1;
  db.max_background_jobs = kFlushesMax + kCompactionsMax;
  db.paranoid_checks = paranoid_;
  // See Listener.
  db.max_bgerror_resume_count = 0;
  db.bytes_per_sync = size_t{1} << 20;
  // Each of RocksDB's threads that writes tables keeps a buffer or two of this size.
  db.writable_file_max_buffer_size = size_t{64} << 10;
  // So that copies need not read table files to say their checksums.
  db.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  return db;
}

rocksdb::ColumnFamilyOptions Database::familyOptions(const std::string& name) const {
  rocksdb::ColumnFamilyOptions family = storedFamilyOptions();
  if (name == kEventsFamily) {
    family.write_buffer_size = kEventsWriteBufferBytes;
    family.level0_file_num_compaction_trigger = kEventsFilesUnmerged;
  }
  family.table_factory = tables_;
  family.disable_auto_compactions = migrating_ || uncompacted_.contains(name);
  return family;
}

rocksdb::Status Database::openFiles(bool mayCreate) {
  rocksdb::DBOptions db = dbOptions();
  db.create_if_missing = mayCreate;
  std::vector<std::string> names;
  if (mayCreate) {
    names = {rocksdb::kDefaultColumnFamilyName};
  } else {
    const rocksdb::Status listed = rocksdb::DB::ListColumnFamilies(db, options_.dataDir, &names);
    if (!listed.ok()) return listed;
  }
  std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
  descriptors.reserve(names.size());
  for (const std::string& name : names) descriptors.emplace_back(name, familyOptions(name));
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  rocksdb::Status status;
  StartMeter meter(options_, "opening the store", "table files", directory_.tableFiles());
  files_->families(names.size());
  files_->begin();
  // RocksDB's own threads are what their starter is. The open itself does not give way at a start:
  // there is no loop yet.
  std::thread([this] {
    giveWay(kNiceOfWrites);
    gate_.IncBackgroundThreadsIfNeeded(kCompactionsMax, rocksdb::Env::LOW);
    gate_.IncBackgroundThreadsIfNeeded(kFlushesMax, rocksdb::Env::HIGH);
  }).join();
  runShowing(
      [&] {
        status =
            readOnly_
                ? rocksdb::DB::OpenForReadOnly(db, options_.dataDir, descriptors, &handles, &opened)
                : rocksdb::DB::Open(db, options_.dataDir, descriptors, &handles, &opened);
      },
      [&] {
        if (starting_) meter.show(files_->tables());
      });
  files_->end();
  if (!status.ok()) return status;
  db_.reset(opened);

  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == rocksdb::kDefaultColumnFamilyName) {
      default_ = handles[i];
    } else if (names[i] == kEventsFamily) {
      events_ = handles[i];
    } else if (!parseFamilyName(names[i])) {
      others_.push_back(handles[i]);
    } else {
      pool_.opened(names[i], handles[i]);
    }
  }
  if (const auto gone = pool_.gone()) {
    closeFiles();
    return rocksdb::Status::Corruption("family " + *gone + " is gone");
  }
  leases_.allow();
  return status;
}

void Database::closeFiles() {
  if (!db_) return;
  pool_.close(*db_);
  for (rocksdb::ColumnFamilyHandle* handle : others_) db_->DestroyColumnFamilyHandle(handle);
  others_.clear();
  if (events_ != nullptr) db_->DestroyColumnFamilyHandle(events_);
  events_ = nullptr;
  if (default_ != nullptr) db_->DestroyColumnFamilyHandle(default_);
  default_ = nullptr;
  db_->Close();
  db_.reset();
}

std::optional<Error> Database::open() {
  raiseFileLimit();
  // What another process has open is left alone; the lock says so below.
  if (!DataDirectory::inUse(options_.dataDir)) {
    const auto copy = startOnCopy(options_.dataDir);
    if (!copy.ok()) return copy.error();
    if (!copy.value().empty()) log(LogLevel::kInfo, copy.value());
    mendCurrent();
  }
  if (auto error = directory_.open(gate_)) return error;
  created_ = !directory_.holdsStore();
  if (auto error = readMark()) return error;
  readOnly_ = !created_ && probe().IsNoSpace();
  auto error = openStore();
  if (!error || !full_ || created_ || readOnly_) return error;
  // There was room for the probe, but not for what an open writes.
  forget();
  readOnly_ = true;
  return openStore();
}

void Database::forget() {
  closeFiles();
  pool_.clear();
  owned_.clear();
}

std::optional<Error> Database::openStore() {
  rocksdb::Status status = openFiles(created_);
  if (!status.ok() && speaksOfDamage(status)) {
    log(LogLevel::kWarning, "the store in " + options_.dataDir + " is damaged (" +
                                status.ToString() + "); opening what can be read of it");
    paranoid_ = false;
    status = openFiles(false);
  }
  full_ = status.IsNoSpace();
  if (speaksOfDamage(status)) return cannotOpen(status.ToString());
  if (!status.ok()) {
    return unavailable("cannot open the store in " + options_.dataDir + ": " + status.ToString());
  }
  judge();
  if (auto error = checkFormat()) return error;
  if (auto error = readOwners()) return error;
  if (!paranoid_ && droppedAny_) {
    // What was dropped may have been all the damage.
    closeFiles();
    paranoid_ = true;
    status = openFiles(false);
    paranoid_ = status.ok();
    if (!status.ok()) status = openFiles(false);
    if (!status.ok()) {
      return unavailable("cannot open the store in " + options_.dataDir +
                         " again: " + status.ToString());
    }
  }
  if (readOnly_) {
    // What damage calls for has to be written.
    if (loss_.any() || !paranoid_) {
      return unavailable(
          "the store in " + options_.dataDir +
          " is damaged, and its disk is full; free space on that disk and start again");
    }
    if (events_ != nullptr) return std::nullopt;
    return unavailable("the store in " + options_.dataDir +
                       " is of an older program, and its disk is full; free space on that disk and "
                       "start again");
  }
  if (events_ == nullptr) {
    const std::string name(kEventsFamily);
    status = db_->CreateColumnFamily(familyOptions(name), name, &events_);
    if (!status.ok()) {
      return unavailable("cannot create the family of events in " + options_.dataDir + ": " +
                         status.ToString());
    }
  }
  const size_t wanted = options_.familiesFree;
  StartMeter meter(options_, "making families", "families", wanted);
  while (pool_.free() < wanted) {
    meter.show(pool_.free());
    status = addFamilies(std::min(wanted - pool_.free(), kFamiliesGroupMax));
    full_ = status.IsNoSpace();
    if (!status.ok()) {
      return unavailable("cannot create families in " + options_.dataDir + ": " +
                         status.ToString());
    }
  }
  if (uint64_t log = 0; currentLog(&log).ok()) directory_.removeRemains(gate_, log);
  return std::nullopt;
}

std::optional<Error> Database::readOwners() {
  std::set<FamilyIndex> used;
  std::vector<FamilyIndex> abandoned;
  rocksdb::WriteBatch stale;
  const std::unique_ptr<rocksdb::Iterator> records(
      db_->NewIterator(rocksdb::ReadOptions(), default_));
  for (records->Seek(rocksdb::Slice(kOwnerPrefix.data(), kOwnerPrefix.size()));
       records->Valid() && records->key().starts_with(std::string(kOwnerPrefix)); records->Next()) {
    const std::string family = records->key().ToString().substr(kOwnerPrefix.size());
    const std::optional<OwnerRecord> record = decodeOwner(records->value().ToStringView());
    if (!record) return cannotOpen("the owner record of family " + family + " is damaged");
    const auto found = pool_.find(family);
    if (!found) {
      // Its family was dropped; this record was to go next.
      if (record->kind != OwnerKind::kAbandoned) {
        log(LogLevel::kError, "family " + family + " of instance " + record->instance + " is gone");
      }
      stale.Delete(default_, records->key());
    } else if (record->kind == OwnerKind::kAbandoned) {
      abandoned.push_back(*found);
      stale.Delete(default_, records->key());
      used.insert(*found);
    } else {
      owned_.push_back({*found, *record});
      used.insert(*found);
    }
  }
  if (!records->status().ok()) {
    return cannotOpen("its owner records cannot be read: " + records->status().ToString());
  }
  std::vector<FamilyIndex> free = pool_.freeOnes();
  std::erase_if(free, [&](FamilyIndex family) { return used.contains(family); });
  pool_.setFree(std::move(free));
  if (readOnly_) return std::nullopt;  // the next start does the rest
  droppedAny_ = !abandoned.empty();
  StartMeter meter(options_, "dropping what was abandoned", "families", abandoned.size());
  for (const FamilyIndex family : abandoned) {
    meter.add(1);
    const rocksdb::Status dropped = dropFamily(family);
    full_ = dropped.IsNoSpace();
    if (!dropped.ok()) {
      return unavailable("cannot drop the abandoned family " + name(family) + ": " +
                         dropped.ToString());
    }
  }
  if (auto error = adoptOrphans(stale)) return error;
  if (stale.Count() == 0) return std::nullopt;
  rocksdb::WriteOptions synced;
  synced.sync = true;
  const rocksdb::Status status = db_->Write(synced, &stale);
  if (status.ok()) return std::nullopt;
  return unavailable("cannot write owner records: " + status.ToString());
}

rocksdb::Status Database::dropFamily(FamilyIndex family) {
  const rocksdb::Status status = db_->DropColumnFamily(handle(family));
  if (!status.ok()) return status;
  db_->DestroyColumnFamilyHandle(handle(family));
  // Its place in the pool is taken by a fresh family of that name.
  rocksdb::ColumnFamilyHandle* fresh = nullptr;
  const rocksdb::Status created =
      db_->CreateColumnFamily(familyOptions(name(family)), name(family), &fresh);
  pool_.renew(family, fresh);
  return created;
}

rocksdb::Status Database::addFamilies(size_t count) {
  const std::vector<std::string> names = pool_.freshNames(count);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  files_->families(pool_.size() + count);
  const rocksdb::Status status =
      db_->CreateColumnFamilies(familyOptions(names.front()), names, &handles);
  // What a failed call did create is in `handles`.
  pool_.add(names, handles);
  return status;
}

void Database::quarantine(FamilyIndex family) {
  pool_.quarantine(family);
  if (!uncompacted_.insert(name(family)).second || !db_ || readOnly_) return;
  const rocksdb::Status status =
      db_->SetOptions(handle(family), {{"disable_auto_compactions", "true"}});
  if (!status.ok()) {
    log(LogLevel::kWarning,
        "cannot keep family " + name(family) + " from compaction: " + status.ToString());
  }
}

rocksdb::Status Database::probe() {
  if (rocksdb::Status reached = directory_.check(); !reached.ok()) return reached;
  const std::string file = options_.dataDir + "/" + kProbeFile;
  const rocksdb::Status status =
      rocksdb::WriteStringToFile(&gate_, std::string(kProbeBytes, '.'), file, true);
  gate_.DeleteFile(file);
  return status;
}

rocksdb::Status Database::currentLog(uint64_t* number) const {
  if (rocksdb::Status reached = directory_.check(); !reached.ok()) return reached;
  std::unique_ptr<rocksdb::LogFile> log;
  rocksdb::Status status = db_->GetCurrentWalFile(&log);
  if (status.ok()) *number = log->LogNumber();
  return status;
}

std::string Database::logPath(uint64_t number) const {
  return path(logName(number));
}

rocksdb::Status Database::syncDirectory() {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const rocksdb::IOOptions io;
  rocksdb::IOStatus status = files().NewDirectory(options_.dataDir, io, &directory, nullptr);
  if (status.ok()) status = directory->Fsync(io, nullptr);
  return status;
}

rocksdb::Status Database::reopen() {
  leases_.end();
  closeFiles();
  for (const std::string& name : listener_->take()) {
    log(LogLevel::kError, "family " + name + " is damaged and kept from compaction from now on");
    uncompacted_.insert(name);
  }
  readOnly_ = false;
  return openFiles(false);
}

void Database::close() {
  leases_.end();
  closeFiles();
  directory_.close();
}

}  // namespace holdfast
