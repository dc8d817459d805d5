// The format of the store, and what brings an older one to this program's.
#include <chrono>

#include "format/keys.h"
#include "format/registry_records.h"
#include "migrations/migrations.h"
#include "store/checkpoint.h"
#include "store/database.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds kProgressInterval{1};

uint64_t wallMs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::system_clock::now().time_since_epoch())
                                   .count());
}

// Says every second how far a step of a migration is.
class MigrationMeter {
 public:
  MigrationMeter(const StoreOptions& options, const Migration& migration) : options_(options) {
    progress_.format = migration.number;
    progress_.step = migration.name;
  }

  void show(uint64_t done, uint64_t total) {
    const auto now = Clock::now();
    if (now < next_ || !options_.migrationProgress) return;
    next_ = now + kProgressInterval;
    progress_.bytesDone = done;
    progress_.bytesTotal = total;
    progress_.bytesPerSecond =
        static_cast<double>(done) / std::chrono::duration<double>(now - began_).count();
    progress_.secondsRemaining =
        done == 0 ? 0 : static_cast<double>(total - done) / progress_.bytesPerSecond;
    options_.migrationProgress(progress_);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const StoreOptions& options_;
  MigrationProgress progress_;
  const Clock::time_point began_ = Clock::now();
  Clock::time_point next_ = began_ + kProgressInterval;
};

}  // namespace

std::optional<TimeRecord> Database::storedTime() const {
  std::string value;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), default_, std::string(kTimeKey), &value);
  return found.ok() ? decodeTime(value) : std::nullopt;
}

std::optional<LogPlace> Database::storedPlace() const {
  // Without damage the store is as it was at some moment, and the place is of that one.
  if (loss_.damage || !loss_.cut.empty()) return std::nullopt;
  std::string value;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), default_, std::string(kLogPlaceKey), &value);
  return found.ok() ? decodeLogPlace(value) : std::nullopt;
}

std::optional<Error> Database::checkFormat() {
  std::string value;
  const rocksdb::Status found =
      db_->Get(rocksdb::ReadOptions(), default_, std::string(kFormatKey), &value);
  if (found.ok()) {
    const std::optional<FormatRecord> record = decodeFormat(value);
    if (!record) return cannotOpen("its format record is damaged");
    format_ = *record;
  } else if (!found.IsNotFound()) {
    return cannotOpen("its format record cannot be read: " + found.ToString());
  } else if (pool_.size() != 0) {
    return cannotOpen("it has families but no format record");
  }
  if (format_.version > newestFormat()) {
    return unavailable("the store in " + options_.dataDir + " has format " +
                       std::to_string(format_.version) + ", this program knows formats up to " +
                       std::to_string(newestFormat()) +
                       "; use the program that wrote it or a newer one");
  }
  created_ = format_.version == 0;
  return format_.version < newestFormat() ? migrate() : std::nullopt;
}

// Makes a copy at `path`, unless a run that was cut short has made it.
std::optional<Error> Database::keepCopy(const std::string& path) {
  if (isWholeCopyOf(path, format_)) {
    log(LogLevel::kInfo,
        "the copy in " + path + " is from a migration that was cut short, and kept");
    return std::nullopt;
  }
  const auto noted = Checkpoint::note(*db_, path, {format_, {}}, Checkpoint::Tables::kShareOnly);
  if (!noted.ok()) return noted.error();
  CopyWork work;
  // Those of such old stores have no checksums noted, and it is the migration that is waited for.
  work.readTables = false;
  return noted.value()->copy(work);
}

// Applies the missing steps, each with its number.
std::optional<Error> Database::migrate() {
  const std::string store = "the store in " + options_.dataDir;
  if (readOnly_) {
    return unavailable(store + " is to be brought to format " + std::to_string(newestFormat()) +
                       ", and its disk is full; free space on that disk and start again");
  }
  rocksdb::Status status;
  if (!created_) {
    log(LogLevel::kInfo, store + " has format " + std::to_string(format_.version) +
                             " and is brought to format " + std::to_string(newestFormat()) +
                             "; older programs do not open it any more");
    if (const std::string& path = options_.checkpointBeforeMigration; !path.empty()) {
      if (const auto failed = keepCopy(path)) {
        return unavailable(store + " is to be copied before its format is changed: " +
                           failed->message + "; nothing was changed");
      }
    }
    // Its old tables are not kept beside the new ones. The mark names logs that go with them.
    kept_->DeleteFile(path(kCommitMarkFile), rocksdb::IOOptions(), nullptr).PermitUncheckedError();
    settleFiles();
    status = openForMigration(true);
    if (!status.ok()) {
      return unavailable("cannot open " + store + " to migrate it: " + status.ToString());
    }
  }
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  for (FamilyIndex i = 0; i < pool_.size(); ++i) families.push_back(handle(i));
  for (const Migration& migration : migrations()) {
    if (migration.number <= format_.version) continue;
    MigrationMeter meter(options_, migration);
    StoreIdentity identity{format_.clusterId, format_.createdBy, format_.createdWallMs};
    MigrationContext context{*db_,
                             families,
                             identity,
                             options_.createdBy,
                             wallMs(),
                             [&](uint64_t done, uint64_t total) { meter.show(done, total); },
                             [this](const std::string& text) { log(LogLevel::kWarning, text); }};
    status = migration.apply(context);
    if (status.ok()) {
      format_ = {migration.number, identity.clusterId, identity.createdBy, identity.createdWallMs};
      rocksdb::WriteOptions synced;
      synced.sync = true;
      status = db_->Put(synced, default_, std::string(kFormatKey), encodeRecord(format_));
    }
    if (!status.ok()) {
      return unavailable("cannot bring " + store + " to format " +
                         std::to_string(migration.number) + " (" + migration.name +
                         "): " + status.ToString() +
                         (status.IsNoSpace() ? "; free space on that disk" : "; check the disk") +
                         " and start again: it goes on where it was");
    }
  }
  if (!created_) status = openForMigration(false);
  if (status.ok()) return std::nullopt;
  return unavailable("cannot open " + store + " after its migration: " + status.ToString());
}

// A step compacts what it chooses, and nothing else may be compacted: nobody knows yet which
// families are damaged. See CompactionGate.
rocksdb::Status Database::openForMigration(bool migrating) {
  closeFiles();
  migrating_ = migrating;
  return openFiles(false);
}

}  // namespace holdfast
