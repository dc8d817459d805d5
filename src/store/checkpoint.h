// A copy of the store as of one moment, taken while it is written to: table files as hard links,
// the rest copied.
//
// In two parts. What belongs to it is noted by whoever writes the store, which takes a moment:
// which files there are, and how much of those that grow. Copying takes longer and is done beside
// the writes: no file is deleted meanwhile, and what is added to one is behind the noted end.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"

namespace holdfast {

class Checkpoint {
 public:
  // Everything written to `db`, and nothing that is written from now on. `path` is an absolute one
  // of a directory that is new, on the file system of the store. The error says what is wrong and
  // what to do. `db` must outlive it.
  static Result<std::unique_ptr<Checkpoint>> note(rocksdb::DB& db, const std::string& path);
  // Files may be deleted again.
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // Makes the directory, on stable storage, whole or not at all. Empty, or what is wrong. Any
  // thread, once. Breaks off when `interrupted`, which is asked again and again, says why.
  std::string copy(const std::function<std::string()>& interrupted);

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }        // of its files
  uint64_t sequence() const { return sequence_; }  // RocksDB's number of the last write in it

 private:
  Checkpoint(rocksdb::DB& db, std::string path);

  rocksdb::DB& db_;
  const std::string path_;
  std::vector<rocksdb::LiveFileStorageInfo> files_;
  uint64_t bytes_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace holdfast
