// The directory of a store: what may be in it before there is a store, the lock that keeps it to
// one process, and what does not belong there any more.
//
// The lock is on the directory itself, so that deleting a file does not lift it. RocksDB's own, on
// the file LOCK, is left in place for programs that know only that one.
#pragma once

#include <rocksdb/env.h>
#include <rocksdb/status.h>

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"
#include "store/rocks_store.h"

namespace holdfast {

class DataDirectory {
 public:
  // Keeps `options`, which must outlive it.
  explicit DataDirectory(const StoreOptions& options) : options_(options) {}
  ~DataDirectory() { close(); }
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;

  // Locks the directory until close(), making it first if StoreOptions::create says so. Changes
  // nothing in a directory that is not empty and holds no store. The error says why it cannot be
  // used and what to do.
  std::optional<Error> open(rocksdb::Env& files);
  void close();
  bool isOpen() const { return descriptor_ >= 0; }
  const std::string& path() const { return options_.dataDir; }
  // Whether open() found a store; if not, the directory is one in which a store may be made.
  bool holdsStore() const { return holdsStore_; }

  // How many table files there are, about.
  uint64_t tableFiles() const;

  // Deletes what ended processes left: logs without a byte, except the log `current`, and the file
  // of a probe.
  void removeRemains(rocksdb::Env& files, uint64_t current) const;

  // OK while the path leads to the directory that was opened, and while none is. Any thread, a
  // matter of microseconds.
  rocksdb::Status check() const;

  // Whether a process has a store open in `path`, this process included.
  static bool inUse(const std::string& path);

 private:
  std::optional<Error> lock(rocksdb::Env& files);
  std::optional<Error> look(rocksdb::Env& files);
  void warnIfOpenToOthers() const;

  const StoreOptions& options_;
  int descriptor_ = -1;  // of the directory; the lock lasts as long as it is open
  bool holdsStore_ = false;
};

// Written and deleted again to see whether the disk takes data.
inline constexpr const char* kProbeFile = "probe.tmp";

}  // namespace holdfast
