// What the store thread does while the store cannot write: it stands still, closes the database and
// opens it again as soon as the disk takes data, and looks whether what was committed is there.
#pragma once

#include <rocksdb/status.h>

#include <chrono>
#include <cstdint>
#include <optional>

#include "core/result.h"
#include "locks/mutex.h"
#include "store/completions.h"
#include "store/database.h"
#include "store/rocks_store.h"
#include "store/store_owners.h"

namespace holdfast {

class StoreHealer {
 public:
  // Keeps its arguments, which must outlive it.
  StoreHealer(const StoreOptions& options, Database& database, Completions& completions,
              const StoreOwners& owners);

  // --- the store thread ---

  // The store cannot write because of `status`; `committed` is RocksDB's number of the last write
  // that was committed. Returns when it may be tried again; with an error when this thread is to
  // end, which says what is lost, or what was not written.
  std::optional<Error> standStill(rocksdb::Status status, uint64_t committed);
  // Something was written.
  void written();

  // --- any thread ---

  // From now on standStill() gives up after StoreOptions::closeTimeMax and a last attempt.
  void stop();

 private:
  bool pause(std::chrono::milliseconds time);
  // What had been committed and is gone.
  std::optional<Error> missing(uint64_t committed) const;
  Error fail(const std::string& what);
  void log(LogLevel level, const std::string& message) const;

  const StoreOptions& options_;
  Database& database_;
  Completions& completions_;
  const StoreOwners& owners_;
  uint32_t failures_ = 0;   // since the last success
  bool triedLast_ = false;  // after the deadline

  Mutex mutex_;
  Condition stopWanted_;
  bool stopping_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point deadline_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
