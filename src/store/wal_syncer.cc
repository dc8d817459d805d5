#include "store/wal_syncer.h"

#include <algorithm>
#include <filesystem>

namespace holdfast {
namespace {

constexpr std::chrono::seconds kMeasureInterval{5};

int64_t nowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

WalSyncer::WalSyncer(const StoreOptions& options, Database& database,
                     std::function<void(const rocksdb::Status&)> failed)
    : options_(options), database_(database), failed_(std::move(failed)) {}

WalSyncer::~WalSyncer() {
  stop();
}

void WalSyncer::start() {
  measure();
  thread_ = std::thread([this] { run(); });
}

void WalSyncer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stopWanted_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void WalSyncer::committed(bool synced) {
  if (synced) {
    // All of the log is synced with it.
    unsyncedSinceMs_ = 0;
  } else if (unsyncedSinceMs_.load(std::memory_order_relaxed) == 0) {
    unsyncedSinceMs_ = nowMs();
  }
}

uint64_t WalSyncer::lastSyncAgeMs() const {
  const int64_t since = unsyncedSinceMs_;
  return since == 0 ? 0 : static_cast<uint64_t>(std::max<int64_t>(nowMs() - since, 0));
}

void WalSyncer::run() {
  const auto interval = options_.walSync == WalSync::kInterval
                            ? std::max(options_.syncInterval, std::chrono::milliseconds(1))
                            : std::chrono::milliseconds(kMeasureInterval);
  std::unique_lock lock(mutex_);
  while (!stopWanted_.wait_for(lock, interval, [this] { return stopping_; })) {
    lock.unlock();
    if (options_.walSync == WalSync::kInterval) sync();
    if (Clock::now() >= nextMeasure_) measure();
    lock.lock();
  }
}

void WalSyncer::sync() {
  // Taken before the sync: what is committed meanwhile may not be in it.
  const int64_t since = unsyncedSinceMs_.exchange(0);
  if (since == 0) return;
  rocksdb::Status status = rocksdb::Status::Incomplete();
  if (const auto lease = database_.lease()) status = database_.db()->SyncWAL();
  if (status.ok()) return;
  unsyncedSinceMs_ = since;
  if (!status.IsIncomplete()) failed_(status);
}

void WalSyncer::measure() {
  nextMeasure_ = Clock::now() + kMeasureInterval;
  uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(options_.dataDir, error), end; !error && at != end;
       at.increment(error)) {
    std::error_code gone;
    const auto size = at->file_size(gone);
    if (!gone) bytes += size;
  }
  bytesOnDisk_ = bytes;
}

}  // namespace holdfast
