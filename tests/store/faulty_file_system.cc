#include "faulty_file_system.h"

#include <algorithm>
#include <filesystem>
#include <utility>

namespace holdfast {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

template <typename Sync>
IOStatus FaultyFileSystem::sync(const std::string& name, Sync run) {
  IOStatus status = change();
  if (status.ok() && syncsFail_) {
    ++failures_;
    status = IOStatus::IOError("the test lets syncs fail");
  }
  // What is written while it runs is not in it.
  uint64_t written = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto log = logs_.find(name);
    if (log != logs_.end()) written = log->second.written;
  }
  if (status.ok()) status = run();
  if (status.ok() && written > 0) {
    const std::lock_guard lock(mutex_);
    const auto log = logs_.find(name);
    if (log != logs_.end()) log->second.synced = std::max(log->second.synced, written);
  }
  return status;
}

class FaultyFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultyFile(std::unique_ptr<rocksdb::FSWritableFile> file, FaultyFileSystem& files,
             std::string name)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files), name_(std::move(name)) {}

  // Compaction's outputs are spared: a compaction that has nothing to write and cannot finish its
  // empty file runs into an assertion of RocksDB, as Debian builds it. Of a dead process they
  // change nothing, either.
  void SetIOPriority(rocksdb::Env::IOPriority priority) override {
    spared_ = priority == rocksdb::Env::IO_LOW;
    FSWritableFileOwnerWrapper::SetIOPriority(priority);
  }

  IOStatus Append(const Slice& data, const IOOptions& options, IODebugContext* debug) override {
    const bool dead = files_.state() == FaultyFileSystem::State::kDead;
    if (spared_ && dead) return IOStatus::OK();
    const IOStatus status = spared_ ? IOStatus::OK() : files_.change();
    if (!status.ok()) {
      if (!dead) {
        const Slice half(data.data(), data.size() / 2);
        if (FSWritableFileOwnerWrapper::Append(half, options, debug).ok()) {
          files_.wrote(name_, half.size());
        }
      }
      return status;
    }
    files_.wrote(name_, data.size());
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo&,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Truncate(uint64_t size, const IOOptions& options, IODebugContext* debug) override {
    if (files_.state() == FaultyFileSystem::State::kDead) return IOStatus::OK();
    return FSWritableFileOwnerWrapper::Truncate(size, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (spared_) return IOStatus::OK();
    return files_.sync(name_, [&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    if (spared_) return IOStatus::OK();
    return files_.sync(name_, [&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  FaultyFileSystem& files_;
  const std::string name_;
  bool spared_ = false;
};

// Through which the store syncs a log.
class FaultyLogSync : public rocksdb::FSRandomRWFileOwnerWrapper {
 public:
  FaultyLogSync(std::unique_ptr<rocksdb::FSRandomRWFile> file, FaultyFileSystem& files,
                std::string name)
      : FSRandomRWFileOwnerWrapper(std::move(file)), files_(files), name_(std::move(name)) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return files_.sync(name_, [&] { return FSRandomRWFileOwnerWrapper::Sync(options, debug); });
  }

 private:
  FaultyFileSystem& files_;
  const std::string name_;
};

FaultyFileSystem::FaultyFileSystem(uint64_t seed)
    : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {}

void FaultyFileSystem::setAfter(uint64_t changes, State state) {
  const std::lock_guard lock(mutex_);
  changesLeft_ = changes;
  next_ = state;
}

IOStatus FaultyFileSystem::failure(State state) {
  ++failures_;
  IOStatus status = state == State::kFull
                        ? IOStatus::NoSpace("the test filled the disk")
                        : IOStatus::IOError(state == State::kDead ? "the test killed the process"
                                                                  : "the test broke the disk");
  return status;
}

IOStatus FaultyFileSystem::change() {
  const std::lock_guard lock(mutex_);
  if (changesLeft_ > 0 && --changesLeft_ == 0) state_ = next_;
  const State state = state_;
  return state == State::kWell ? IOStatus::OK() : failure(state);
}

void FaultyFileSystem::wrote(const std::string& name, uint64_t bytes) {
  if (!name.ends_with(".log")) return;
  const std::lock_guard lock(mutex_);
  logs_[name].written += bytes;
}

void FaultyFileSystem::losePower() {
  const std::lock_guard lock(mutex_);
  // Names ascend by age. What is behind a loss is lost, too: the log is written back in order.
  bool lost = false;
  for (const auto& [name, log] : logs_) {
    std::error_code gone;
    const auto size = std::filesystem::file_size(name, gone);
    if (gone || size <= log.synced) continue;
    const uint64_t unsynced = std::min(size, log.written) - log.synced;
    const uint64_t kept = lost ? 0 : random_() % (unsynced + 1);
    lost = lost || kept < unsynced;
    std::filesystem::resize_file(name, log.synced + kept);
  }
}

IOStatus FaultyFileSystem::NewWritableFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                                           IODebugContext* debug) {
  if (IOStatus status = change(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &opened, debug);
  if (!status.ok()) return status;
  {
    const std::lock_guard lock(mutex_);
    logs_.erase(name);
  }
  *file = std::make_unique<FaultyFile>(std::move(opened), *this, name);
  return status;
}

IOStatus FaultyFileSystem::ReopenWritableFile(const std::string& name,
                                              const rocksdb::FileOptions& options,
                                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                                              IODebugContext* debug) {
  if (IOStatus status = change(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  IOStatus status = FileSystemWrapper::ReopenWritableFile(name, options, &opened, debug);
  if (status.ok()) *file = std::make_unique<FaultyFile>(std::move(opened), *this, name);
  return status;
}

IOStatus FaultyFileSystem::ReuseWritableFile(const std::string& name, const std::string& oldName,
                                             const rocksdb::FileOptions& options,
                                             std::unique_ptr<rocksdb::FSWritableFile>* file,
                                             IODebugContext* debug) {
  if (IOStatus status = change(); !status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> opened;
  IOStatus status = FileSystemWrapper::ReuseWritableFile(name, oldName, options, &opened, debug);
  if (status.ok()) *file = std::make_unique<FaultyFile>(std::move(opened), *this, name);
  return status;
}

IOStatus FaultyFileSystem::NewRandomRWFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomRWFile>* file,
                                           IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSRandomRWFile> opened;
  IOStatus status = FileSystemWrapper::NewRandomRWFile(name, options, &opened, debug);
  if (status.ok()) *file = std::make_unique<FaultyLogSync>(std::move(opened), *this, name);
  return status;
}

IOStatus FaultyFileSystem::RenameFile(const std::string& from, const std::string& to,
                                      const IOOptions& options, IODebugContext* debug) {
  if (IOStatus status = change(); !status.ok()) return status;
  return FileSystemWrapper::RenameFile(from, to, options, debug);
}

IOStatus FaultyFileSystem::DeleteFile(const std::string& name, const IOOptions& options,
                                      IODebugContext* debug) {
  // A full disk does not keep anybody from deleting.
  if (state_ != State::kFull) {
    if (IOStatus status = change(); !status.ok()) return status;
  }
  return FileSystemWrapper::DeleteFile(name, options, debug);
}

IOStatus FaultyFileSystem::GetFreeSpace(const std::string& path, const IOOptions& options,
                                        uint64_t* bytes, IODebugContext* debug) {
  if (state_ != State::kFull) return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
  *bytes = 0;
  return IOStatus::OK();
}

IOStatus FaultyFileSystem::CreateDir(const std::string& name, const IOOptions& options,
                                     IODebugContext* debug) {
  if (IOStatus status = change(); !status.ok()) return status;
  return FileSystemWrapper::CreateDir(name, options, debug);
}

}  // namespace holdfast
