#include "store/opening_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <thread>

namespace holdfast {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Table files that an open syncs as it writes them.
constexpr uint64_t kTablesSyncedAlone = 64;
// Disks take the flushes of so many at a time as one.
constexpr size_t kSyncThreads = 32;
// The options of so many families take some hundredths of a second to write and to check.
constexpr size_t kFamiliesWithOptionsMax = 512;

IOStatus syncFile(const std::string& name) {
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = file >= 0 && fdatasync(file) == 0;
  const int error = errno;
  if (file >= 0) close(file);
  if (synced) return IOStatus::OK();
  const std::string what = "cannot sync " + name;
  return error == ENOSPC ? IOStatus::NoSpace(what, std::strerror(error))
                         : IOStatus::IOError(what, std::strerror(error));
}

std::string_view lastPartOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

// A table file, or a manifest.
class OpeningFiles::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, OpeningFiles& files, std::string name,
       bool manifest)
      : FSWritableFileOwnerWrapper(std::move(file)),
        files_(files),
        name_(std::move(name)),
        manifest_(manifest) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <typename Sync>
  IOStatus sync(Sync run) {
    if (!manifest_) return files_.defer(name_) ? IOStatus::OK() : run();
    IOStatus status = files_.syncDeferred();
    return status.ok() ? run() : status;
  }

  OpeningFiles& files_;
  const std::string name_;
  const bool manifest_;
};

void OpeningFiles::begin() {
  const MutexLock lock(mutex_);
  deferred_.clear();  // of an open that failed: nothing refers to them
  syncs_ = 0;
  tables_ = 0;
  opening_ = true;
}

bool OpeningFiles::defer(const std::string& name) {
  if (!opening_ || ++syncs_ <= kTablesSyncedAlone) return false;
  const MutexLock lock(mutex_);
  deferred_.push_back(name);
  return true;
}

IOStatus OpeningFiles::syncDeferred() {
  const MutexLock lock(mutex_);
  std::atomic<size_t> next{0};
  std::vector<IOStatus> failures(kSyncThreads);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < std::min(kSyncThreads, deferred_.size()); ++i) {
    threads.emplace_back([&, i]() HOLDFAST_REQUIRES(mutex_) {  // held until they have ended
      for (size_t at = next++; at < deferred_.size() && failures[i].ok(); at = next++) {
        failures[i] = syncFile(deferred_[at]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const IOStatus& failure : failures) {
    if (!failure.ok()) return failure;
  }
  deferred_.clear();
  return IOStatus::OK();
}

IOStatus OpeningFiles::NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* file,
                                       IODebugContext* debug) {
  const std::string_view part = lastPartOf(name);
  if (part.starts_with("OPTIONS-") && families_ > kFamiliesWithOptionsMax) {
    return IOStatus::NotSupported("no options are written of so many families");
  }
  const bool manifest = part.starts_with("MANIFEST-");
  if (!manifest && !(opening_ && part.ends_with(".sst"))) {
    return FileSystemWrapper::NewWritableFile(name, options, file, debug);
  }
  std::unique_ptr<rocksdb::FSWritableFile> made;
  IOStatus status = FileSystemWrapper::NewWritableFile(name, options, &made, debug);
  if (status.ok()) *file = std::make_unique<File>(std::move(made), *this, name, manifest);
  return status;
}

IOStatus OpeningFiles::NewRandomAccessFile(const std::string& name,
                                           const rocksdb::FileOptions& options,
                                           std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                                           IODebugContext* debug) {
  if (opening_) ++tables_;
  return FileSystemWrapper::NewRandomAccessFile(name, options, file, debug);
}

}  // namespace holdfast
