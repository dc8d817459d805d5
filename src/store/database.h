// The open RocksDB database: options, the pool of families, damage, and opening it again after an
// I/O error. Families keep their number in the pool through that.
//
// The store thread owns it after recovery. Other threads read (or sync) under a lease, which
// opening again waits for.
#pragma once

#include <rocksdb/db.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/commit_mark.h"
#include "format/registry_records.h"
#include "store/compaction_gate.h"
#include "store/data_directory.h"
#include "store/dropped_bytes.h"
#include "store/family_pool.h"
#include "store/kept_files.h"
#include "store/leases.h"
#include "store/log_replay.h"
#include "store/opening_files.h"
#include "store/rocks_store.h"
#include "store/store_loss.h"

namespace holdfast {

class Database {
 public:
  // An owner record found at open.
  struct Owned {
    FamilyIndex family = kNoFamily;
    OwnerRecord record;
  };

  // Keeps `options`, which must outlive it.
  explicit Database(const StoreOptions& options);
  // All leases must have ended.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Checks and migrates the format, drops abandoned families, makes free ones. Where the disk is
  // full it is opened for reading only.
  std::optional<Error> open();
  // Until reopen() is called. Any thread.
  bool readOnly() const { return readOnly_; }
  const std::vector<Owned>& owned() const { return owned_; }
  const FormatRecord& format() const { return format_; }
  bool created() const { return created_; }
  // What the store says of its time; empty: nothing that can be read. After open().
  std::optional<TimeRecord> storedTime() const;
  // The same of its place in a log. Nothing too where some of what it covers may be missing.
  std::optional<LogPlace> storedPlace() const;

  // What open() found to be lost, which was logged; and the mark that told it.
  const StoreLoss& loss() const { return loss_; }
  const std::optional<CommitMark>& mark() const { return mark_; }

  // Lets compactions run: recovery knows the damaged families. The mark of this run is written, so
  // that what is obsolete may be deleted.
  void recovered();
  // Lets those run that waited for space on the disk. Under a lease, every few seconds.
  void resumeCompactions() { gate_.letThrough(); }

  rocksdb::DB* db() const { return db_.get(); }
  rocksdb::ColumnFamilyHandle* handle(FamilyIndex family) const { return pool_.handle(family); }
  rocksdb::ColumnFamilyHandle* defaultFamily() const { return default_; }
  rocksdb::ColumnFamilyHandle* eventsFamily() const { return events_; }
  const std::string& name(FamilyIndex family) const { return pool_.name(family); }

  // The pool. take() needs a free one.
  size_t familiesFree() const { return pool_.free(); }
  size_t familiesUsed() const { return pool_.used(); }
  FamilyIndex take() { return pool_.take(); }
  void giveBack(FamilyIndex family) { pool_.giveBack(family); }
  // Creates some; others stay usable if it fails half-way. Blocks writes, see kFamiliesGroupMax.
  rocksdb::Status addFamilies(size_t count);

  // Keeps a family that cannot be read from compaction, and from being given to another owner.
  void quarantine(FamilyIndex family);
  bool quarantined(FamilyIndex family) const { return pool_.quarantined(family); }

  // Whether the disk takes data: writes, syncs and deletes a file of kProbeBytes.
  rocksdb::Status probe();
  // Whether the directory is still the one that was opened. Any thread.
  rocksdb::Status checkDirectory() const { return directory_.check(); }
  // The write-ahead log, for who syncs it under a lease.
  rocksdb::Status currentLog(uint64_t* number) const;
  std::string logPath(uint64_t number) const;
  rocksdb::Status syncDirectory();
  rocksdb::FileSystem& files() const { return *gate_.GetFileSystem(); }
  KeptFiles& keptFiles() const { return *kept_; }
  std::string path(const std::string& file) const { return options_.dataDir + "/" + file; }

  // Closes and opens the database. Waits for leases to end. After a failure there is no database,
  // and the only thing to do is to try again.
  rocksdb::Status reopen();
  void close();

  // Reading from another thread. Nothing while the database is not open or about to be closed.
  std::optional<Leases::Lease> lease() { return leases_.take(); }
  // Whoever holds a lease must end it soon.
  bool leavesWanted() const { return leases_.wanted(); }

 private:
  class Listener;

  rocksdb::DBOptions dbOptions() const;
  rocksdb::ColumnFamilyOptions familyOptions(const std::string& name) const;
  void mendCurrent();
  std::optional<Error> readMark();
  void judge();
  void settleFiles();
  std::optional<Error> adoptOrphans(rocksdb::WriteBatch& batch);
  Error cannotOpen(const std::string& why) const;
  rocksdb::Status openFiles(bool mayCreate);
  std::optional<Error> openStore();
  void forget();
  std::optional<Error> checkFormat();
  std::optional<Error> migrate();
  std::optional<Error> keepCopy(const std::string& path);
  rocksdb::Status openForMigration(bool migrating);
  std::optional<Error> readOwners();
  rocksdb::Status dropFamily(FamilyIndex family);
  void closeFiles();
  void log(LogLevel level, const std::string& message) const;

  const StoreOptions& options_;
  DataDirectory directory_;
  const std::shared_ptr<OpeningFiles> files_;
  const std::shared_ptr<KeptFiles> kept_;
  CompactionGate gate_;
  LogReplay replay_;
  DroppedBytes dropped_;
  std::optional<CommitMark> mark_;  // as the last run left it
  StoreLoss loss_;
  std::shared_ptr<Listener> listener_;
  std::shared_ptr<rocksdb::Logger> logger_;
  std::shared_ptr<rocksdb::WriteBufferManager> writeBuffers_;
  std::shared_ptr<rocksdb::TableFactory> tables_;

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::ColumnFamilyHandle* default_ = nullptr;
  rocksdb::ColumnFamilyHandle* events_ = nullptr;
  std::vector<rocksdb::ColumnFamilyHandle*> others_;  // families that are not of the pool
  FamilyPool pool_;
  std::set<std::string> uncompacted_;  // names of families kept from compaction
  bool starting_ = true;
  std::atomic<bool> readOnly_{false};
  bool full_ = false;  // why openStore() failed
  bool paranoid_ = true;
  bool created_ = false;
  bool migrating_ = false;
  bool droppedAny_ = false;  // abandoned families, by this open()
  FormatRecord format_;
  std::vector<Owned> owned_;

  Leases leases_;
};

inline constexpr size_t kProbeBytes = size_t{1} << 20;

}  // namespace holdfast
