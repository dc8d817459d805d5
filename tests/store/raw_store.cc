#include "raw_store.h"

#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <filesystem>
#include <fstream>
#include <memory>

namespace holdfast {
namespace {

struct Raw {
  explicit Raw(const std::string& dataDir, bool flushing = true) {
    rocksdb::Options options;
    options.avoid_flush_during_recovery = !flushing;
    options.avoid_flush_during_shutdown = !flushing;
    std::vector<std::string> names;
    rocksdb::DB::ListColumnFamilies(options, dataDir, &names);
    rocksdb::ColumnFamilyOptions family;
    family.disable_auto_compactions = true;  // looking changes nothing
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) families.emplace_back(name, family);
    rocksdb::DB* opened = nullptr;
    const auto status = rocksdb::DB::Open(options, dataDir, families, &handles, &opened);
    EXPECT_TRUE(status.ok()) << status.ToString();
    db.reset(opened);
  }
  ~Raw() {
    for (rocksdb::ColumnFamilyHandle* handle : handles) db->DestroyColumnFamilyHandle(handle);
  }
  rocksdb::ColumnFamilyHandle* handle(const std::string& family) const {
    for (rocksdb::ColumnFamilyHandle* handle : handles) {
      if (handle->GetName() == family) return handle;
    }
    ADD_FAILURE() << "no family " << family;
    return nullptr;
  }
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  std::unique_ptr<rocksdb::DB> db;
};

}  // namespace

RawKeys rawKeys(const std::string& dataDir) {
  const Raw raw(dataDir);
  RawKeys all;
  for (rocksdb::ColumnFamilyHandle* handle : raw.handles) {
    auto& keys = all[handle->GetName()];
    const std::unique_ptr<rocksdb::Iterator> rows(
        raw.db->NewIterator(rocksdb::ReadOptions(), handle));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) keys.push_back(rows->key().ToString());
    EXPECT_TRUE(rows->status().ok()) << rows->status().ToString();
  }
  return all;
}

void rawPut(const std::string& dataDir, const std::string& family, const std::string& key,
            const std::string& value) {
  const Raw raw(dataDir);
  EXPECT_TRUE(raw.db->Put(rocksdb::WriteOptions(), raw.handle(family), key, value).ok());
}

std::string rawGet(const std::string& dataDir, const std::string& family, const std::string& key) {
  const Raw raw(dataDir);
  std::string value;
  EXPECT_TRUE(raw.db->Get(rocksdb::ReadOptions(), raw.handle(family), key, &value).ok());
  return value;
}

void rawErase(const std::string& dataDir, const std::string& family, const std::string& key) {
  const Raw raw(dataDir);
  EXPECT_TRUE(raw.db->Delete(rocksdb::WriteOptions(), raw.handle(family), key).ok());
}

RawRows rawRows(const std::string& dataDir) {
  const Raw raw(dataDir);
  RawRows all;
  for (rocksdb::ColumnFamilyHandle* handle : raw.handles) {
    const std::unique_ptr<rocksdb::Iterator> rows(
        raw.db->NewIterator(rocksdb::ReadOptions(), handle));
    for (rows->SeekToFirst(); rows->Valid(); rows->Next()) {
      all[handle->GetName()][rows->key().ToString()] = rows->value().ToString();
    }
    EXPECT_TRUE(rows->status().ok()) << rows->status().ToString();
  }
  return all;
}

void rawGoOn(const std::string& dataDir, const RawRows& from,
             const std::set<std::string>& flushed) {
  const Raw raw(dataDir, false);
  for (const std::string& family : flushed) {
    const auto status = raw.db->Flush(rocksdb::FlushOptions(), raw.handle(family));
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  rocksdb::WriteBatch batch;
  for (const auto& [family, rows] : from) {
    for (const auto& [key, value] : rows) {
      std::string known;
      if (raw.db->Get(rocksdb::ReadOptions(), raw.handle(family), key, &known).ok()) continue;
      EXPECT_TRUE(batch.Put(raw.handle(family), key, value).ok());
    }
  }
  EXPECT_GT(batch.Count(), 0u);
  const auto status = raw.db->Write(rocksdb::WriteOptions(), &batch);
  EXPECT_TRUE(status.ok()) << status.ToString();
}

std::vector<std::string> tableFiles(const std::string& dataDir, const std::string& family) {
  const Raw raw(dataDir);
  std::vector<rocksdb::LiveFileMetaData> files;
  raw.db->GetLiveFilesMetaData(&files);
  std::vector<std::string> paths;
  for (const auto& file : files) {
    if (file.column_family_name == family) paths.push_back(dataDir + file.name);
  }
  return paths;
}

std::string logFile(const std::string& dataDir) {
  std::string newest;
  for (const auto& entry : std::filesystem::directory_iterator(dataDir)) {
    const std::string path = entry.path().string();
    if (path.ends_with(".log") && entry.file_size() > 0) newest = std::max(newest, path);
  }
  return newest;
}

void flipByte(const std::string& path, uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  ASSERT_TRUE(file.is_open()) << path;
  file.seekg(static_cast<std::streamoff>(at));
  const int byte = file.get();
  ASSERT_NE(byte, EOF) << path << " at " << at;
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(byte ^ 0x40));
}

}  // namespace holdfast
