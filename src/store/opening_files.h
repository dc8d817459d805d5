// A file system that makes opening a store of thousands of families cheaper.
//
// RocksDB writes the log's content of each family to a table file of its own and syncs one after
// the other: from some number on they are synced together, by many threads, before the manifest
// that refers to them is. And it writes the options of all families to a file, which it reads again
// to check it, at each start and whenever families are made; nothing needs that file, so where
// there are many families it is left out.
#pragma once

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "locks/mutex.h"

namespace holdfast {

class OpeningFiles : public rocksdb::FileSystemWrapper {
 public:
  explicit OpeningFiles(const std::shared_ptr<rocksdb::FileSystem>& files)
      : FileSystemWrapper(files) {}

  // While the database is opened, from any thread.
  void begin();
  void end() { opening_ = false; }
  // Table files written and opened since begin(). Any thread.
  uint64_t tables() const { return tables_; }

  // How many families there are, or are to be.
  void families(size_t count) { families_ = count; }

  const char* Name() const override { return "OpeningFiles"; }
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name,
                                        const rocksdb::FileOptions& options,
                                        std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                        rocksdb::IODebugContext* debug) override;

 private:
  class File;

  // Whether the sync of a table file may wait for syncDeferred().
  bool defer(const std::string& name);
  rocksdb::IOStatus syncDeferred();

  Mutex mutex_;
  // Table files that are still to be synced.
  std::vector<std::string> deferred_ HOLDFAST_GUARDED_BY(mutex_);
  std::atomic<bool> opening_{false};
  std::atomic<uint64_t> syncs_{0};
  std::atomic<uint64_t> tables_{0};
  std::atomic<size_t> families_{0};
};

}  // namespace holdfast
