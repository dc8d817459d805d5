#include "store/store_writer.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "migrations/migrations.h"
#include "store/data_directory.h"
#include "store/database.h"
#include "store/file_limit.h"
#include "store/slices.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTableFileBytes = size_t{64} << 20;
constexpr size_t kWriteBufferBytes = size_t{64} << 20;  // of all families
// The log takes one record; RocksDB allocates as much ahead.
constexpr size_t kLogBytes = size_t{1} << 20;
// Creating one family takes almost as long as creating many; each call creates as many as there
// are, within these bounds.
constexpr size_t kFamiliesGroupMin = 8;

rocksdb::ColumnFamilyOptions familyOptions() {
  rocksdb::ColumnFamilyOptions family;
  family.arena_block_size = kArenaBlockBytes;
  family.compression = rocksdb::kNoCompression;
  family.target_file_size_base = kTableFileBytes;
  return family;
}

// Nothing of a store that is not finished is worth a log.
rocksdb::WriteOptions unlogged() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

struct StoreWriter::Parts {
  explicit Parts(const std::string& path) : dataDir(path) {
    storeOptions.dataDir = path;
    storeOptions.create = true;
  }

  const std::string dataDir;
  StoreOptions storeOptions;
  DataDirectory directory{storeOptions};
  FormatRecord format;
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  size_t used = 0;  // the last of them is the current one
  rocksdb::ColumnFamilyHandle* events = nullptr;

  ~Parts() {
    if (!db) return;
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
    if (events != nullptr) db->DestroyColumnFamilyHandle(events);
    db->Close();
  }
  std::string failed(const rocksdb::Status& status) const {
    return "cannot write the store in " + dataDir + ": " + status.ToString() +
           (status.IsNoSpace() ? "; free space on that disk" : "; check the disk") +
           ", remove the directory, and import again";
  }
};

StoreWriter::StoreWriter(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
StoreWriter::~StoreWriter() = default;

Result<std::unique_ptr<StoreWriter>> StoreWriter::create(const std::string& dataDir,
                                                         const FormatRecord& format) {
  if (format.version == 0 || format.version > newestFormat()) {
    return Error{ErrorCode::kRefused, "records of format " + std::to_string(format.version) +
                                          ": this program knows formats up to " +
                                          std::to_string(newestFormat()) +
                                          "; use the program that wrote them or a newer one"};
  }
  std::error_code error;
  if (fs::exists(dataDir, error) && !fs::is_empty(dataDir, error)) {
    return Error{ErrorCode::kRefused,
                 dataDir + " exists and is not empty; name a directory that is new"};
  }
  auto parts = std::make_unique<Parts>(dataDir);
  if (std::string problem = parts->directory.open(*rocksdb::Env::Default()); !problem.empty()) {
    return Error{ErrorCode::kUnavailable, std::move(problem)};
  }
  raiseFileLimit();
  rocksdb::Options options;
  options.create_if_missing = true;
  options.error_if_exists = true;
  options.db_write_buffer_size = kWriteBufferBytes;
  options.max_total_wal_size = kLogBytes;
  options.bytes_per_sync = size_t{1} << 20;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log_level = rocksdb::InfoLogLevel::ERROR_LEVEL;
  parts->format = format;
  parts->format.version = newestFormat();
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, dataDir, &opened);
  if (!status.ok()) return Error{ErrorCode::kUnavailable, parts->failed(status)};
  parts->db.reset(opened);
  return std::unique_ptr<StoreWriter>(new StoreWriter(std::move(parts)));
}

std::string StoreWriter::beginFamily(const OwnerRecord& owner) {
  Parts& p = *parts_;
  if (p.used == p.families.size()) {
    std::vector<std::string> names;
    const size_t count = std::clamp(p.families.size(), kFamiliesGroupMin, kFamiliesGroupMax);
    for (size_t i = 0; i < count; ++i) {
      names.push_back(familyName(static_cast<uint32_t>(p.families.size() + i)));
    }
    std::vector<rocksdb::ColumnFamilyHandle*> made;
    const rocksdb::Status status = p.db->CreateColumnFamilies(familyOptions(), names, &made);
    p.families.insert(p.families.end(), made.begin(), made.end());
    if (!status.ok()) return p.failed(status);
  }
  const std::string key = ownerKey(p.families[p.used++]->GetName());
  const rocksdb::Status status = p.db->Put(unlogged(), key, encodeRecord(owner));
  return status.ok() ? "" : p.failed(status);
}

std::string StoreWriter::put(const StoreKey& key, std::string_view value) {
  Parts& p = *parts_;
  const rocksdb::Status status =
      p.db->Put(unlogged(), p.families[p.used - 1], slice(key.view()), slice(value));
  return status.ok() ? "" : p.failed(status);
}

std::string StoreWriter::putEvent(std::string_view id, std::string_view value) {
  Parts& p = *parts_;
  rocksdb::Status status;
  if (p.events == nullptr) {
    status = p.db->CreateColumnFamily(familyOptions(), std::string(kEventsFamily), &p.events);
  }
  if (status.ok()) status = p.db->Put(unlogged(), p.events, eventKey(id), slice(value));
  return status.ok() ? "" : p.failed(status);
}

std::string StoreWriter::finish() {
  Parts& p = *parts_;
  std::vector<rocksdb::ColumnFamilyHandle*> all = p.families;
  if (p.events != nullptr) all.push_back(p.events);
  all.push_back(p.db->DefaultColumnFamily());
  rocksdb::Status status = p.db->Flush(rocksdb::FlushOptions(), all);
  if (status.ok()) {
    rocksdb::WriteOptions synced;
    synced.sync = true;
    status = p.db->Put(synced, std::string(kFormatKey), encodeRecord(p.format));
  }
  return status.ok() ? "" : p.failed(status);
}

}  // namespace holdfast
