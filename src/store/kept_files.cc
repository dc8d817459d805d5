#include "store/kept_files.h"

#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace holdfast {

std::optional<uint64_t> logNumber(const std::string& path) {
  std::string_view name = path;
  name.remove_prefix(name.find_last_of('/') + 1);  // npos + 1 is 0
  if (!name.ends_with(".log")) return std::nullopt;
  name.remove_suffix(4);
  if (name.empty() || name.size() > 19) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : name) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number;
}

std::string logName(uint64_t number) {
  char name[32];
  std::snprintf(name, sizeof(name), "%06" PRIu64 ".log", number);
  return name;
}

KeptFiles::KeptFiles(const std::shared_ptr<rocksdb::FileSystem>& base)
    : FileSystemWrapper(base ? base : rocksdb::FileSystem::Default()) {}

void KeptFiles::onLogDeleted(std::function<void(uint64_t)> callback) {
  const MutexLock lock(mutex_);
  logDeleted_ = std::move(callback);
}

rocksdb::IOStatus KeptFiles::DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug) {
  const auto log = logNumber(path);
  std::function<void(uint64_t)> tell;
  if (log || path.ends_with(".sst")) {
    const MutexLock lock(mutex_);
    if (holding_) {
      held_.push_back(path);
      return rocksdb::IOStatus::OK();
    }
    if (log) tell = logDeleted_;
  }
  if (tell) tell(*log);
  return target()->DeleteFile(path, options, debug);
}

rocksdb::IOStatus KeptFiles::NewWritableFile(const std::string& path,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             rocksdb::IODebugContext* debug) {
  {
    const MutexLock lock(mutex_);
    std::erase(held_, path);
  }
  return target()->NewWritableFile(path, options, file, debug);
}

std::vector<std::string> KeptFiles::takeHeld() {
  const MutexLock lock(mutex_);
  holding_ = false;
  return std::exchange(held_, {});
}

void KeptFiles::release() {
  // What cannot be deleted now RocksDB finds again at the next start.
  for (const std::string& path : takeHeld()) {
    DeleteFile(path, rocksdb::IOOptions(), nullptr).PermitUncheckedError();
  }
}

rocksdb::IOStatus KeptFiles::setAside(const std::string& directory, size_t* moved) {
  const rocksdb::IOOptions io;
  rocksdb::IOStatus status = target()->CreateDirIfMissing(directory, io, nullptr);
  *moved = 0;
  for (const std::string& path : takeHeld()) {
    uint64_t bytes = 0;
    const bool keep =
        logNumber(path) && target()->GetFileSize(path, io, &bytes, nullptr).ok() && bytes > 0;
    if (!keep) {
      DeleteFile(path, io, nullptr).PermitUncheckedError();
      continue;
    }
    const std::string to = directory + path.substr(path.find_last_of('/'));
    const rocksdb::IOStatus renamed = target()->RenameFile(path, to, io, nullptr);
    if (renamed.ok()) {
      ++*moved;
    } else if (status.ok()) {
      status = renamed;
    }
  }
  return status;
}

}  // namespace holdfast
