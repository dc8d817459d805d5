// Brings the write-ahead log to stable storage in intervals, beside the store thread, so that
// ingest does not wait for the disk. Also looks after the commit mark and the directory: its size,
// and whether it is still there, since what is written to deleted files fails nowhere.
//
// It syncs the log's files itself: DB::SyncWAL() beside a write that has just failed runs into an
// assertion of RocksDB, as Debian builds it.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "locks/flag.h"
#include "locks/mutex.h"
#include "store/commit_marker.h"
#include "store/database.h"
#include "store/rocks_store.h"

namespace holdfast {

class WalSyncer {
 public:
  // `failed` is called on this thread, again and again while it lasts.
  WalSyncer(const StoreOptions& options, Database& database, CommitMarker& marker,
            std::function<void(const rocksdb::Status&)> failed);
  ~WalSyncer();

  // Before the first write.
  void start();
  // Syncs what is left, unless the log is never synced.
  rocksdb::Status stop();

  // The store thread: something was committed.
  void committed(bool synced);

  // Any thread. 0 when all that is committed is on stable storage.
  uint64_t lastSyncAgeMs() const;
  // Bytes, a few seconds old; see StoreStatistics.
  struct DiskUse {
    uint64_t directory = 0;
    uint64_t wal = 0;
    uint64_t free = 0;
    uint64_t size = 0;
  };
  DiskUse disk() const;

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  rocksdb::Status sync();
  rocksdb::Status syncLogs();
  void measure();

  const StoreOptions& options_;
  Database& database_;
  CommitMarker& marker_;
  const std::function<void(const rocksdb::Status&)> failed_;
  mutable Mutex diskMutex_;
  DiskUse disk_ HOLDFAST_GUARDED_BY(diskMutex_);
  mutable Mutex ageMutex_;
  // Since when something is committed and not synced; of what a running sync may have missed. 0:
  // there is nothing.
  int64_t unsyncedSinceMs_ HOLDFAST_GUARDED_BY(ageMutex_) = 0;
  int64_t missedSinceMs_ HOLDFAST_GUARDED_BY(ageMutex_) = 0;
  bool syncing_ HOLDFAST_GUARDED_BY(ageMutex_) = false;
  Clock::time_point nextMeasure_;
  // The newest log that was synced, kept open so that no error of writing it back is missed. Before
  // that the one of the first write; 0: nothing was written yet.
  std::atomic<uint64_t> log_{0};
  std::unique_ptr<rocksdb::FSRandomRWFile> file_;
  Flag stopWanted_;
  std::thread thread_;
};

}  // namespace holdfast
