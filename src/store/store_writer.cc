#include "store/store_writer.h"

#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "format/slices.h"
#include "migrations/migrations.h"
#include "os/file_limit.h"
#include "store/family_options.h"
#include "store/family_pool.h"
#include "store/staged_directory.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr size_t kWriteBufferBytes = size_t{64} << 20;  // of all families
// The log takes one record; RocksDB allocates as much ahead.
constexpr size_t kLogBytes = size_t{1} << 20;
// Creating one family takes almost as long as creating many; each call creates as many as there
// are, within these bounds.
constexpr size_t kFamiliesGroupMin = 8;

// Nothing of a store that is not finished is worth a log.
rocksdb::WriteOptions unlogged() {
  rocksdb::WriteOptions options;
  options.disableWAL = true;
  return options;
}

}  // namespace

struct StoreWriter::Parts {
  std::string dataDir;
  std::unique_ptr<StagedDirectory> staged;
  FormatRecord format;
  uint64_t sequence = 0;  // of the last write, once it is finished
  std::unique_ptr<rocksdb::DB> db;
  std::vector<rocksdb::ColumnFamilyHandle*> families;
  size_t used = 0;  // the last of them is the current one
  rocksdb::ColumnFamilyHandle* events = nullptr;

  ~Parts() { (void)close(); }
  rocksdb::Status close() {
    if (!db) return rocksdb::Status();
    for (rocksdb::ColumnFamilyHandle* family : families) db->DestroyColumnFamilyHandle(family);
    if (events != nullptr) db->DestroyColumnFamilyHandle(events);
    const rocksdb::Status closed = db->Close();
    db.reset();
    return closed;
  }
  // Nothing if all is well.
  std::optional<Error> failed(const rocksdb::Status& status) const {
    if (status.ok()) return std::nullopt;
    return unavailable("cannot write the store in " + dataDir + ": " + status.ToString() +
                       (status.IsNoSpace() ? "; free space on that disk" : "; check the disk") +
                       " and try again; nothing was left behind");
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
  const fs::path parent = fs::path(dataDir).parent_path();
  if (!parent.empty()) fs::create_directories(parent, error);
  if (error) {
    return Error{ErrorCode::kUnavailable, "cannot create the directory " + parent.string() + ": " +
                                              error.message() +
                                              "; check the path and its permissions"};
  }
  auto staged = StagedDirectory::begin(dataDir);
  if (!staged.ok()) return staged.error();
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
  auto parts = std::make_unique<Parts>();
  parts->dataDir = dataDir;
  parts->staged = std::move(staged.value());
  parts->format = format;
  parts->format.version = newestFormat();
  rocksdb::DB* opened = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, parts->staged->directory(), &opened);
  if (auto failed = parts->failed(status)) return std::move(*failed);
  parts->db.reset(opened);
  return std::unique_ptr<StoreWriter>(new StoreWriter(std::move(parts)));
}

std::optional<Error> StoreWriter::beginFamily(const OwnerRecord& owner) {
  Parts& p = *parts_;
  if (p.used == p.families.size()) {
    std::vector<std::string> names;
    const size_t count = std::clamp(p.families.size(), kFamiliesGroupMin, kFamiliesGroupMax);
    for (size_t i = 0; i < count; ++i) {
      names.push_back(familyName(static_cast<uint32_t>(p.families.size() + i)));
    }
    std::vector<rocksdb::ColumnFamilyHandle*> made;
    const rocksdb::Status status = p.db->CreateColumnFamilies(storedFamilyOptions(), names, &made);
    p.families.insert(p.families.end(), made.begin(), made.end());
    if (!status.ok()) return p.failed(status);
  }
  const std::string key = ownerKey(p.families[p.used++]->GetName());
  const rocksdb::Status status = p.db->Put(unlogged(), key, encodeRecord(owner));
  return p.failed(status);
}

std::optional<Error> StoreWriter::put(const StoreKey& key, std::string_view value) {
  Parts& p = *parts_;
  const rocksdb::Status status =
      p.db->Put(unlogged(), p.families[p.used - 1], slice(key.view()), slice(value));
  return p.failed(status);
}

std::optional<Error> StoreWriter::putEvent(std::string_view id, std::string_view value) {
  Parts& p = *parts_;
  rocksdb::Status status;
  if (p.events == nullptr) {
    status = p.db->CreateColumnFamily(storedFamilyOptions(), std::string(kEventsFamily), &p.events);
  }
  if (status.ok()) status = p.db->Put(unlogged(), p.events, eventKey(id), slice(value));
  return p.failed(status);
}

std::optional<Error> StoreWriter::finish() {
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
  if (status.ok()) {
    p.sequence = p.db->GetLatestSequenceNumber();
    status = p.close();
  }
  return p.failed(status);
}

const std::string& StoreWriter::directory() const {
  return parts_->staged->directory();
}

std::optional<Error> StoreWriter::publish(const std::string& registryDigest) {
  Parts& p = *parts_;
  auto files = filesOfCopy(p.staged->directory());
  if (!files.ok()) return files.error();
  CopyManifest manifest;
  manifest.clusterId = clusterText(p.format);
  manifest.format = p.format.version;
  manifest.sequence = p.sequence;
  manifest.madeWallMs = wallMsNow();
  manifest.registryDigest = registryDigest;
  manifest.files = std::move(files.value());
  return p.staged->publish(manifest);
}

}  // namespace holdfast
