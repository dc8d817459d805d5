#include "store/opening_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace holdfast {
namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

// Table files that an open syncs one by one: a sync of the file system may have more to do than
// these.
constexpr uint64_t kTablesSyncedAlone = 64;
// The options of so many families take some hundredths of a second to write and to check.
constexpr size_t kFamiliesWithOptionsMax = 512;

std::string_view lastPartOf(std::string_view path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

// A table file, or a manifest.
class OpeningFiles::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(std::unique_ptr<rocksdb::FSWritableFile> file, OpeningFiles& files, bool manifest)
      : FSWritableFileOwnerWrapper(std::move(file)), files_(files), manifest_(manifest) {}

  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    return sync([&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }

 private:
  template <typename Sync>
  IOStatus sync(Sync run) {
    if (!manifest_) return files_.defer() ? IOStatus::OK() : run();
    IOStatus status = files_.syncDeferred();
    return status.ok() ? run() : status;
  }

  OpeningFiles& files_;
  const bool manifest_;
};

void OpeningFiles::begin() {
  syncs_ = 0;
  tables_ = 0;
  deferred_ = false;
  opening_ = true;
}

bool OpeningFiles::defer() {
  if (!opening_ || ++syncs_ <= kTablesSyncedAlone) return false;
  deferred_ = true;
  return true;
}

IOStatus OpeningFiles::syncDeferred() {
  if (!deferred_.exchange(false)) return IOStatus::OK();
  const int directory = open(dataDir_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = directory >= 0 && syncfs(directory) == 0;
  const int error = errno;
  if (directory >= 0) close(directory);
  if (synced) return IOStatus::OK();
  deferred_ = true;
  const std::string what = "cannot sync the file system of " + dataDir_;
  return error == ENOSPC ? IOStatus::NoSpace(what, std::strerror(error))
                         : IOStatus::IOError(what, std::strerror(error));
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
  if (status.ok()) *file = std::make_unique<File>(std::move(made), *this, manifest);
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
