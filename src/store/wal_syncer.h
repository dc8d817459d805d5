// Brings the write-ahead log to stable storage in intervals, beside the store thread, so that
// ingest does not wait for the disk. Also looks after the size of the directory.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>

#include "store/database.h"
#include "store/rocks_store.h"

namespace holdfast {

class WalSyncer {
 public:
  // `failed` is called on this thread.
  WalSyncer(const StoreOptions& options, Database& database,
            std::function<void(const rocksdb::Status&)> failed);
  ~WalSyncer();

  void start();
  void stop();

  // The store thread: something was committed.
  void committed(bool synced);

  // Any thread. 0 when all that is committed is on stable storage.
  uint64_t lastSyncAgeMs() const;
  uint64_t bytesOnDisk() const { return bytesOnDisk_; }

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  void sync();
  void measure();

  const StoreOptions& options_;
  Database& database_;
  const std::function<void(const rocksdb::Status&)> failed_;
  std::atomic<int64_t> unsyncedSinceMs_{0};  // 0: nothing is unsynced
  std::atomic<uint64_t> bytesOnDisk_{0};
  Clock::time_point nextMeasure_;
  std::mutex mutex_;
  std::condition_variable stopWanted_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace holdfast
