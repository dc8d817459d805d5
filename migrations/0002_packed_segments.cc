// Format 2: segments of plain hashes -> packed ones.
//
// Family by family: its table files are checked, each plain segment is written under the same key
// as a packed one, that is flushed, and what it replaces is compacted away. A segment says itself
// which of both it is, so whatever of this was done stays done, and the next attempt goes on.
// A family that is damaged, or a segment that is, is left as it is: recovery has to deal with it,
// and reads both kinds.
#include <rocksdb/convenience.h>
#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "migrations/0002_segments.h"
#include "migrations/migrations.h"

namespace holdfast {
namespace {

// Written at a time, and more by a segment at most.
constexpr size_t kBatchBytes = size_t{4} << 20;
constexpr size_t kReadaheadBytes = size_t{2} << 20;
// Beside a family's bytes, which are there three times for a moment: old, packed, compacted.
constexpr uint64_t kReserveBytes = uint64_t{64} << 20;

const rocksdb::Slice kSegmentsBegin("S");
const rocksdb::Slice kSegmentsEnd("T");

// Of a family.
struct Tables {
  uint64_t bytes = 0;
  std::vector<std::string> paths;
};

bool speaksOfDamage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound();
}

// RocksDB 7.8 crashes on an iterator over table files of which one cannot be opened, if there are
// range tombstones.
std::unique_ptr<rocksdb::Iterator> iterate(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* family,
                                           const rocksdb::ReadOptions& options) {
  rocksdb::TablePropertiesCollection tables;
  const rocksdb::Status opened = db.GetPropertiesOfAllTables(family, &tables);
  return std::unique_ptr<rocksdb::Iterator>(opened.ok() ? db.NewIterator(options, family)
                                                        : rocksdb::NewErrorIterator(opened));
}

class SegmentPacker {
 public:
  explicit SegmentPacker(MigrationContext& context) : context_(context), db_(context.db) {
    std::vector<rocksdb::LiveFileMetaData> files;
    db_.GetLiveFilesMetaData(&files);
    for (const rocksdb::LiveFileMetaData& file : files) {
      Tables& tables = tables_[file.column_family_name];
      tables.bytes += file.size;
      tables.paths.push_back(file.db_path + file.name);
    }
    for (rocksdb::ColumnFamilyHandle* family : context.families) {
      total_ += tables_[family->GetName()].bytes;
    }
    unlogged_.disableWAL = true;  // until a family is flushed, nothing depends on it
  }

  rocksdb::Status run() {
    for (rocksdb::ColumnFamilyHandle* family : context_.families) {
      const Tables& tables = tables_[family->GetName()];
      if (tables.bytes == 0) continue;
      const rocksdb::Status status = pack(family, tables);
      if (speaksOfDamage(status)) {
        if (context_.warn) {
          context_.warn("family " + family->GetName() +
                        " is damaged and stays as it is: " + status.ToString());
        }
      } else if (!status.ok()) {
        return status;
      }
      done_ += tables.bytes;
    }
    return rocksdb::Status::OK();
  }

 private:
  rocksdb::Status pack(rocksdb::ColumnFamilyHandle* family, const Tables& tables) {
    if (!hasSegments(family)) return rocksdb::Status::OK();
    rocksdb::Status status = check(tables);
    if (status.ok()) status = checkSpace(tables);
    if (status.ok()) status = rewrite(family);
    if (status.ok()) status = db_.Flush(rocksdb::FlushOptions(), family);
    if (status.ok()) {
      status =
          db_.CompactRange(rocksdb::CompactRangeOptions(), family, &kSegmentsBegin, &kSegmentsEnd);
    }
    return status;
  }

  bool hasSegments(rocksdb::ColumnFamilyHandle* family) {
    const auto rows = iterate(db_, family, rocksdb::ReadOptions());
    rows->Seek(kSegmentsBegin);
    // What cannot be read may be one.
    return !rows->status().ok() || (rows->Valid() && rows->key().compare(kSegmentsEnd) < 0);
  }

  // A compaction that meets a damaged block would make the whole store read-only.
  rocksdb::Status check(const Tables& tables) {
    rocksdb::Options options;
    options.env = db_.GetEnv();
    rocksdb::ReadOptions reading;
    reading.readahead_size = kReadaheadBytes;
    for (const std::string& path : tables.paths) {
      const rocksdb::Status status =
          rocksdb::VerifySstFileChecksum(options, rocksdb::EnvOptions(), reading, path);
      if (!status.ok()) return status;
    }
    return rocksdb::Status::OK();
  }

  rocksdb::Status checkSpace(const Tables& tables) {
    uint64_t free = 0;
    const uint64_t needed = 2 * tables.bytes + kReserveBytes;
    if (!db_.GetEnv()->GetFreeSpace(db_.GetName(), &free).ok() || free >= needed) {
      return rocksdb::Status::OK();
    }
    return rocksdb::Status::NoSpace(std::to_string(needed) + " bytes are needed, " +
                                    std::to_string(free) + " are free");
  }

  rocksdb::Status rewrite(rocksdb::ColumnFamilyHandle* family) {
    rocksdb::ReadOptions reading;
    reading.fill_cache = false;
    reading.readahead_size = kReadaheadBytes;
    reading.iterate_upper_bound = &kSegmentsEnd;
    const auto rows = iterate(db_, family, reading);
    rocksdb::WriteBatch batch;
    rocksdb::Status status;
    uint64_t read = 0;
    for (rows->Seek(kSegmentsBegin); rows->Valid() && status.ok(); rows->Next()) {
      read += rows->value().size();
      // What is packed already, or damaged, stays as it is.
      const auto keys = format2::plainKeys(rows->value().ToStringView());
      if (keys) status = batch.Put(family, rows->key(), format2::packedSegment(*keys));
      if (status.ok() && batch.GetDataSize() >= kBatchBytes) {
        status = db_.Write(unlogged_, &batch);
        batch.Clear();
      }
      if (context_.progress) context_.progress(std::min(done_ + read, total_), total_);
    }
    if (status.ok()) status = rows->status();
    if (status.ok()) status = db_.Write(unlogged_, &batch);
    return status;
  }

  MigrationContext& context_;
  rocksdb::DB& db_;
  std::map<std::string, Tables> tables_;  // by family
  rocksdb::WriteOptions unlogged_;
  uint64_t done_ = 0;
  uint64_t total_ = 0;
};

}  // namespace

rocksdb::Status packSegments(MigrationContext& context) {
  return SegmentPacker(context).run();
}

}  // namespace holdfast
