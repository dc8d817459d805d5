// The files under the store, with nothing deleted before somebody says so.
//
// RocksDB deletes what it takes for obsolete as soon as it has opened a store. If it was misled by
// damage that is all there was, so deletions wait until it is known whether something is missing.
// Afterwards they go through, and whoever keeps account of the logs is told before one goes.
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "locks/mutex.h"

namespace holdfast {

// "/data/000012.log" -> 12; nothing for other files.
std::optional<uint64_t> logNumber(const std::string& path);
std::string logName(uint64_t number);  // "000012.log"

// Any thread.
class KeptFiles : public rocksdb::FileSystemWrapper {
 public:
  // `base` may be null: the operating system's. Holds from the begin.
  explicit KeptFiles(const std::shared_ptr<rocksdb::FileSystem>& base);

  // Called before a log is deleted; from then on, until it is replaced.
  void onLogDeleted(std::function<void(uint64_t number)> callback);
  // Deletes what was held back, and from now on at once.
  void release();
  // The same, but logs that were held back and are not empty go into a directory, which is made.
  // Returns how many; the error says what could not be moved and is where it was.
  rocksdb::IOStatus setAside(const std::string& directory, size_t* moved);

  const char* Name() const override { return "holdfast.KeptFiles"; }
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  // A second attempt to open may give a new file the name of one that is to be deleted.
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;

 private:
  std::vector<std::string> takeHeld();

  Mutex mutex_;
  bool holding_ HOLDFAST_GUARDED_BY(mutex_) = true;
  std::vector<std::string> held_ HOLDFAST_GUARDED_BY(mutex_);
  std::function<void(uint64_t)> logDeleted_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
