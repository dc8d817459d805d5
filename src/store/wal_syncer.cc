#include "store/wal_syncer.h"

#include <algorithm>
#include <filesystem>

#include "os/give_way.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds kMeasureInterval{5};
// Between looks at the directory and writes of the mark where nothing is synced in intervals.
constexpr std::chrono::seconds kLookInterval{1};

int64_t nowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

WalSyncer::WalSyncer(const StoreOptions& options, Database& database, CommitMarker& marker,
                     std::function<void(const rocksdb::Status&)> failed)
    : options_(options), database_(database), marker_(marker), failed_(std::move(failed)) {}

WalSyncer::~WalSyncer() {
  stop().PermitUncheckedError();
}

void WalSyncer::start() {
  measure();
  if (uint64_t log = 0; database_.currentLog(&log).ok()) log_ = log;
  thread_ = std::thread([this] { run(); });
}

rocksdb::Status WalSyncer::stop() {
  stopWanted_.raise();
  if (!thread_.joinable()) return rocksdb::Status::OK();
  thread_.join();
  const rocksdb::Status status =
      options_.walSync == WalSync::kNever ? rocksdb::Status::OK() : sync();
  if (const auto lease = database_.lease()) marker_.write(true);
  return status;
}

void WalSyncer::committed(bool synced) {
  // Only once: there was none yet, since the disk was full at the start.
  if (uint64_t log = 0; log_ == 0 && database_.currentLog(&log).ok()) log_ = log;
  const MutexLock lock(ageMutex_);
  int64_t& since = syncing_ ? missedSinceMs_ : unsyncedSinceMs_;
  if (synced) {
    // All of the log is synced with it.
    unsyncedSinceMs_ = 0;
    missedSinceMs_ = 0;
  } else if (since == 0) {
    since = nowMs();
  }
}

uint64_t WalSyncer::lastSyncAgeMs() const {
  const MutexLock lock(ageMutex_);
  const int64_t since = unsyncedSinceMs_ != 0 ? unsyncedSinceMs_ : missedSinceMs_;
  return since == 0 ? 0 : static_cast<uint64_t>(std::max<int64_t>(nowMs() - since, 1));
}

void WalSyncer::run() {
  giveWay(kNiceOfWrites);
  const auto interval = options_.walSync == WalSync::kInterval
                            ? std::max(options_.syncInterval, std::chrono::milliseconds(1))
                            : std::chrono::milliseconds(kLookInterval);
  while (!stopWanted_.waitFor(interval)) {
    rocksdb::Status status = database_.checkDirectory();
    if (status.ok() && options_.walSync == WalSync::kInterval) status = sync();
    if (!status.ok()) {
      failed_(status);
    } else if (const auto lease = database_.lease()) {
      marker_.write(false);
    }
    if (Clock::now() >= nextMeasure_) {
      measure();
      if (const auto lease = database_.lease()) database_.resumeCompactions();
    }
  }
}

rocksdb::Status WalSyncer::sync() {
  {
    const MutexLock lock(ageMutex_);
    if (unsyncedSinceMs_ == 0) return rocksdb::Status::OK();
    syncing_ = true;
  }
  rocksdb::Status status;
  // Without a lease the database is being opened again, which writes everything to table files.
  if (const auto lease = database_.lease()) {
    const uint64_t committed = marker_.committed();
    status = syncLogs();
    if (status.ok()) marker_.synced(committed);
  }
  if (!status.ok()) file_.reset();
  const MutexLock lock(ageMutex_);
  syncing_ = false;
  if (status.ok()) unsyncedSinceMs_ = 0;
  if (unsyncedSinceMs_ == 0) unsyncedSinceMs_ = missedSinceMs_;
  missedSinceMs_ = 0;
  return status;
}

rocksdb::Status WalSyncer::syncLogs() {
  uint64_t newest = 0;
  const rocksdb::Status known = database_.currentLog(&newest);
  if (!known.ok()) return known;
  rocksdb::FileSystem& files = database_.files();
  const rocksdb::IOOptions io;
  bool newFile = false;
  for (uint64_t number = log_; number <= newest; ++number) {
    if (number != log_ || !file_) {
      newFile = true;
      const rocksdb::IOStatus opened =
          files.NewRandomRWFile(database_.logPath(number), rocksdb::FileOptions(), &file_, nullptr);
      // Most numbers are of table files; and a log that is gone has all its data in those.
      if (opened.IsPathNotFound() || opened.IsNotFound()) continue;
      if (!opened.ok()) return opened;
      log_ = number;
    }
    const rocksdb::IOStatus synced = file_->Sync(io, nullptr);
    if (!synced.ok()) return synced;
  }
  return newFile ? database_.syncDirectory() : rocksdb::Status::OK();
}

WalSyncer::DiskUse WalSyncer::disk() const {
  const MutexLock lock(diskMutex_);
  return disk_;
}

void WalSyncer::measure() {
  nextMeasure_ = Clock::now() + kMeasureInterval;
  DiskUse use;
  std::error_code error;
  for (std::filesystem::directory_iterator at(options_.dataDir, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const auto size = at->file_size(gone);
    if (gone) continue;
    use.directory += size;
    if (at->path().extension() == ".log") use.wal += size;
  }
  const std::filesystem::space_info space = std::filesystem::space(options_.dataDir, error);
  if (!error) {
    use.free = space.available;
    use.size = space.capacity;
  }
  const MutexLock lock(diskMutex_);
  disk_ = use;
}

}  // namespace holdfast
