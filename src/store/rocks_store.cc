#include "store/rocks_store.h"

#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <utility>
#include <vector>

#include "core/check.h"
#include "format/keys.h"
#include "store/checkpoint_thread.h"
#include "store/commit_marker.h"
#include "store/completions.h"
#include "store/database.h"
#include "store/fold_thread.h"
#include "store/recovery.h"
#include "store/store_clock.h"
#include "store/store_meter.h"
#include "store/store_thread.h"
#include "store/unavailable.h"
#include "store/wal_syncer.h"
#include "store/write_queue.h"

namespace holdfast {

namespace {

// What it has from now on stands in no log.
void forgetPlace(Database& database, rocksdb::WriteBatch& leftovers) {
  std::string value;
  const std::string key(kLogPlaceKey);
  if (!database.db()->Get({}, database.defaultFamily(), key, &value).ok()) return;
  const rocksdb::Status status = leftovers.Delete(database.defaultFamily(), key);
  HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
}

}  // namespace

struct RocksStore::Parts {
  explicit Parts(StoreOptions given)
      : options(std::move(given)),
        database(options),
        queue(options.queueBytes),
        completions(options.notify),
        folds(options, database, meter,
              [this](FoldWrite write) { thread.write(std::move(write)); }),
        checkpoints(options, database, completions),
        thread(options, database, queue, completions, folds, checkpoints, clock, meter),
        marker(database),
        syncer(options, database, marker,
               [this](const rocksdb::Status& status) { thread.syncFailed(status); }) {
    thread.onCommit([this](bool synced) { syncer.committed(synced); });
    thread.mark(marker);
  }

  const StoreOptions options;
  Database database;
  WriteQueue queue;
  Completions completions;
  StoreClock clock;
  StoreMeter meter;
  FoldThread folds;
  CheckpointThread checkpoints;
  StoreThread thread;
  CommitMarker marker;
  WalSyncer syncer;

  std::optional<LogPlace> place;  // at open

  // The registry's thread.
  Ticket nextTicket = 1;
  OwnerId nextOwner = 0;
  std::vector<OwnerId> freeOwners;
  std::function<void(const CheckpointResult&)> checkpointDone;  // empty: none is under way
  bool recovered = false;
  bool closed = false;
};

RocksStore::RocksStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RocksStore::~RocksStore() {
  close();
}

Result<std::unique_ptr<RocksStore>> RocksStore::open(StoreOptions options) {
  auto parts = std::make_unique<Parts>(std::move(options));
  if (auto error = parts->database.open()) return std::move(*error);
  parts->clock.begin(parts->database.storedTime());
  parts->place = parts->database.storedPlace();
  parts->nextOwner = static_cast<OwnerId>(parts->database.owned().size());
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(parts)));
}

OwnerId RocksStore::claim() {
  auto& free = parts_->freeOwners;
  if (free.empty()) return parts_->nextOwner++;
  const OwnerId owner = free.back();
  free.pop_back();
  return owner;
}

bool RocksStore::hasRoom(size_t bytes) const {
  return parts_->queue.hasRoom(bytes);
}

Ticket RocksStore::append(const ReportRecord& report) {
  HOLDFAST_CHECK(parts_->recovered && !parts_->closed, "append before recover() or after close()");
  HOLDFAST_CHECK(!report.operations.keys.empty(), "an empty report of owner %u", report.owner);
  const Ticket ticket = parts_->nextTicket++;
  parts_->queue.append(ticket, report);
  return ticket;
}

Ticket RocksStore::append(const BatchRecord& batch) {
  HOLDFAST_CHECK(parts_->recovered && !parts_->closed, "append before recover() or after close()");
  HOLDFAST_CHECK(!batch.keys.empty() && batch.keys.size() <= kKeysPerSyncBatchMax,
                 "a batch of %zu keys of owner %u", batch.keys.size(), batch.owner);
  const Ticket ticket = parts_->nextTicket++;
  parts_->queue.append(ticket, batch);
  return ticket;
}

Ticket RocksStore::write(StoreBatch batch) {
  HOLDFAST_CHECK(parts_->recovered && !parts_->closed, "write before recover() or after close()");
  for (const StoreStep& step : batch.steps) {
    // Whatever is claimed from now on is queued behind.
    if (const auto* release = std::get_if<Release>(&step)) {
      parts_->freeOwners.push_back(release->owner);
    }
  }
  const Ticket ticket = parts_->nextTicket++;
  parts_->queue.append(ticket, std::move(batch));
  return ticket;
}

void RocksStore::fold(const FoldRequest& request) {
  HOLDFAST_CHECK(parts_->recovered && !parts_->closed, "fold before recover() or after close()");
  HOLDFAST_CHECK(request.newFold != request.live.fold, "a fold onto itself");
  parts_->queue.append(request);
}

uint64_t RocksStore::timeMs() const {
  return parts_->clock.nowMs();
}

StoreHealth RocksStore::health() const {
  return parts_->completions.health();
}

void RocksStore::poll(StoreListener& listener) {
  parts_->completions.deliver(listener);
  if (const auto result = parts_->completions.takeCheckpoint()) {
    // It may ask for another.
    std::exchange(parts_->checkpointDone, nullptr)(*result);
  }
}

std::optional<Error> RocksStore::checkpoint(CheckpointRequest request,
                                            std::function<void(const CheckpointResult&)> done) {
  HOLDFAST_CHECK(parts_->recovered && !parts_->closed,
                 "checkpoint before recover(), after close()");
  if (parts_->checkpointDone) {
    return Error{ErrorCode::kUnavailable, "another copy of the store is being made; try again"};
  }
  if (const StoreHealth now = health(); !now.writable) {
    return Error{ErrorCode::kUnavailable, now.reason};
  }
  parts_->checkpointDone = std::move(done);
  parts_->queue.appendCheckpoint(std::move(request));
  return std::nullopt;
}

void RocksStore::reach(const LogPlace& place) {
  HOLDFAST_CHECK(parts_->options.followsLog, "a place in a log of a store that follows none");
  parts_->queue.reach(place);
}

std::optional<LogPlace> RocksStore::place() const {
  return parts_->place;
}

void RocksStore::recover(RecoverySink& sink) {
  HOLDFAST_CHECK(!parts_->recovered, "recover() was called before");
  RecoveryOutcome outcome = recoverAll(parts_->database, parts_->options, sink);
  for (const RecoveredOwner& owner : outcome.owners) {
    const bool damaged = owner.damage.has_value();
    parts_->thread.own(owner.id, owner.family, owner.record,
                       damaged ? NewestRecords() : owner.newest);
    if (damaged) parts_->database.quarantine(owner.family);
  }
  if (!parts_->options.followsLog) forgetPlace(parts_->database, outcome.leftovers);
  parts_->marker.start(std::move(outcome.marks));
  parts_->database.recovered();
  parts_->thread.cleanUp(std::move(outcome.leftovers));
  parts_->recovered = true;
  parts_->syncer.start();
  parts_->folds.start();
  parts_->thread.start();
}

std::optional<Error> RocksStore::checkpointNow(const std::string& path) const {
  HOLDFAST_CHECK(parts_->completions.committed() + 1 == parts_->nextTicket,
                 "a checkpoint while writes are queued");
  if (parts_->database.readOnly()) {
    return unavailable("cannot make a copy of the store in " + path + ": the disk of " +
                       parts_->options.dataDir + " is full; free space on that disk");
  }
  const auto lease = parts_->database.lease();
  if (!lease) {
    return unavailable("cannot make a copy of the store while it is opened again; try again soon");
  }
  const std::string absolute = std::filesystem::absolute(path);
  const Database& database = parts_->database;
  const auto noted = Checkpoint::note(*database.db(), absolute, {database.format(), {}},
                                      Checkpoint::Tables::kMayCopy);
  const auto failed = [](const Error& why) {
    return unavailable("cannot make a copy of the store: " + why.message);
  };
  if (!noted.ok()) return failed(noted.error());
  CopyWork work;
  work.readTables = false;
  if (const auto wrong = noted.value()->copy(work)) return failed(*wrong);
  return std::nullopt;
}

bool RocksStore::sharesFileSystem(const std::string& directory) const {
  struct stat ofStore = {};
  struct stat ofPlace = {};
  std::error_code error;
  std::filesystem::path place = std::filesystem::absolute(directory, error);
  while (stat(place.c_str(), &ofPlace) != 0 && place.has_relative_path()) {
    place = place.parent_path();
  }
  return stat(parts_->options.dataDir.c_str(), &ofStore) == 0 && ofStore.st_dev == ofPlace.st_dev;
}

StoreStatistics RocksStore::statistics() const {
  StoreStatistics statistics;
  statistics.queueBytes = parts_->queue.bytes();
  statistics.familiesUsed = parts_->thread.familiesUsed();
  statistics.familiesFree = parts_->thread.familiesFree();
  const WalSyncer::DiskUse disk = parts_->syncer.disk();
  statistics.bytesOnDisk = disk.directory;
  statistics.walBytes = disk.wal;
  statistics.diskFreeBytes = disk.free;
  statistics.diskBytes = disk.size;
  statistics.lastSyncAgeMs = parts_->syncer.lastSyncAgeMs();
  statistics.committed = parts_->completions.committed();
  parts_->meter.read(statistics);
  return statistics;
}

std::string RocksStore::clusterId() const {
  return clusterText(parts_->database.format());
}

bool RocksStore::created() const {
  return parts_->database.created();
}

std::optional<Error> RocksStore::close() {
  if (std::exchange(parts_->closed, true)) return std::nullopt;
  std::optional<Error> lost;
  if (parts_->recovered) {
    parts_->folds.stop();
    lost = parts_->thread.stop();
    parts_->checkpoints.stop();
    const rocksdb::Status synced = parts_->syncer.stop();
    if (!synced.ok() && !lost) lost = unavailable("the last sync failed: " + synced.ToString());
  }
  parts_->database.close();
  return lost;
}

}  // namespace holdfast
