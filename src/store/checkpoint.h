// A copy of the store as of one moment, taken while it is written to: table files as hard links,
// the rest copied.
//
// In two parts. What belongs to it is noted by whoever writes the store, which takes a moment:
// which files there are, and how much of those that grow. Copying takes longer and is done beside
// the writes: no file is deleted meanwhile, and what is added to one is behind the noted end. What
// the copy consists of is written last, see copy_manifest.h.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "format/registry_records.h"
#include "store/copy_manifest.h"

namespace holdfast {

// What a copy says of its store.
struct CopiedStore {
  FormatRecord format;
  std::string registryDigest;  // as of the copy; empty: not known
};

struct CopyWork {
  // Asked again and again; says why to break off, if it must be. May be empty.
  std::function<std::optional<Error>()> interrupted;
  // Told of bytes read for checksums, and of how many there will be. May be empty.
  std::function<void(uint64_t done, uint64_t total)> progress;
  // Table files whose checksum RocksDB does not know are read for it, half of the time: the other
  // half is for others. Otherwise their checksums are left out, and nothing is read but what is
  // copied.
  bool readTables = true;
};

class Checkpoint {
 public:
  // What becomes of table files where the path is on another file system, where hard links end.
  enum class Tables { kShareOnly, kMayCopy };

  // Everything written to `db`, and nothing that is written from now on. `path` is an absolute one
  // of a directory that is new, on the file system of the store, unless table files may be copied.
  // The error says what is wrong and what to do. `db` must outlive it.
  static Result<std::unique_ptr<Checkpoint>> note(rocksdb::DB& db, const std::string& path,
                                                  CopiedStore store, Tables tables);
  // Files may be deleted again.
  ~Checkpoint();
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  // Makes the directory, on stable storage, whole or not at all. Nothing, or what is wrong. Any
  // thread, once.
  std::optional<Error> copy(const CopyWork& work);

  const std::string& path() const { return path_; }
  uint64_t bytes() const { return bytes_; }        // of its files
  uint64_t sequence() const { return sequence_; }  // RocksDB's number of the last write in it

 private:
  Checkpoint(rocksdb::DB& db, std::string path, CopiedStore store);
  static std::optional<Error> copyOne(const rocksdb::LiveFileStorageInfo& file,
                                      const std::string& from, const std::string& to,
                                      const CopyWork& work, CopiedFile& entry);
  std::optional<Error> copyInto(const std::string& directory, const CopyWork& work,
                                std::vector<CopiedFile>& copied) const;

  rocksdb::DB& db_;
  const std::string path_;
  const CopiedStore store_;
  std::vector<rocksdb::LiveFileStorageInfo> files_;
  uint64_t bytes_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace holdfast
