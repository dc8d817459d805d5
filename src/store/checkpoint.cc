#include "store/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// Copied between two questions whether to go on.
constexpr size_t kChunkBytes = size_t{1} << 20;

std::string reason() {
  return std::strerror(errno);
}

class File {
 public:
  File(const std::string& path, int flags) : file_(open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  ~File() {
    if (file_ >= 0) close(file_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool ok() const { return file_ >= 0; }
  int get() const { return file_; }
  bool sync() const { return fsync(file_) == 0; }

 private:
  const int file_;
};

// What open and link say of a place, with what to do.
Error refused(const std::string& what) {
  return {ErrorCode::kInvalid, what};
}

// Why there cannot be a copy of the store at `path`.
std::optional<Error> wrongPlace(const std::string& path, const std::string& dataDir) {
  const fs::path place(path);
  if (!place.is_absolute()) {
    return refused(path +
                   " is not an absolute path: name the directory from the root of the "
                   "controller's machine");
  }
  std::error_code error;
  for (const std::string& taken : {path, path + ".tmp"}) {
    if (fs::symlink_status(taken, error).type() == fs::file_type::not_found) continue;
    return refused(taken + " exists already; name a directory that is new" +
                   (taken == path ? "" : ", or remove what was left there"));
  }
  const std::string parent = place.parent_path();
  struct stat ofParent = {};
  struct stat ofStore = {};
  if (stat(parent.c_str(), &ofParent) != 0) {
    return refused(path + " cannot be made: " + parent + ": " + reason() + "; make that first");
  }
  if (stat(dataDir.c_str(), &ofStore) == 0 && ofParent.st_dev != ofStore.st_dev) {
    return refused(path + " is on another file system than the store in " + dataDir +
                   ", whose files it is to share; name a place there, and copy it from there");
  }
  if (fs::equivalent(parent, dataDir, error)) {
    return refused(path + " is inside the store's own directory; name a place beside it");
  }
  return std::nullopt;
}

// The first `bytes` of a file.
std::string copyBytes(const std::string& from, const std::string& to, uint64_t bytes,
                      const std::function<std::string()>& interrupted) {
  const File source(from, O_RDONLY);
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!source.ok() || !target.ok()) return reason();
  std::vector<char> chunk(kChunkBytes);
  for (uint64_t at = 0; at < bytes;) {
    if (std::string why = interrupted(); !why.empty()) return why;
    const size_t wanted = std::min<uint64_t>(chunk.size(), bytes - at);
    const ssize_t got = pread(source.get(), chunk.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) return got == 0 ? "it is shorter than it should be" : reason();
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(target.get(), chunk.data() + done, static_cast<size_t>(got - done));
      if (put <= 0) return reason();
      done += put;
    }
    at += static_cast<uint64_t>(got);
  }
  return target.sync() ? "" : reason();
}

std::string writeText(const std::string& to, const std::string& text) {
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!target.ok()) return reason();
  const bool whole =
      write(target.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return whole && target.sync() ? "" : reason();
}

std::string share(const std::string& from, const std::string& to, bool isLog) {
  if (link(from.c_str(), to.c_str()) != 0) return reason();
  // What is in a table file is on the disk before it counts; a log gets there when it is synced.
  if (!isLog) return "";
  const File log(to, O_RDONLY);
  return log.ok() && log.sync() ? "" : reason();
}

std::string syncDirectory(const std::string& path) {
  const File directory(path, O_RDONLY | O_DIRECTORY);
  return directory.ok() && directory.sync() ? "" : reason();
}

}  // namespace

Checkpoint::Checkpoint(rocksdb::DB& db, std::string path) : db_(db), path_(std::move(path)) {}

Checkpoint::~Checkpoint() {
  (void)db_.EnableFileDeletions(false);
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::note(rocksdb::DB& db, const std::string& path) {
  if (auto wrong = wrongPlace(path, db.GetName())) return *wrong;
  rocksdb::Status status = db.DisableFileDeletions();
  std::unique_ptr<Checkpoint> noted;
  if (status.ok()) {
    noted.reset(new Checkpoint(db, path));
    rocksdb::LiveFilesStorageInfoOptions options;
    // Nothing is flushed: that would hold up all writes. The logs are copied instead.
    options.wal_size_for_flush = std::numeric_limits<uint64_t>::max();
    noted->sequence_ = db.GetLatestSequenceNumber();
    status = db.GetLiveFilesStorageInfo(options, &noted->files_);
  }
  if (!status.ok()) {
    return Error{ErrorCode::kUnavailable,
                 "the files of the store cannot be listed: " + status.ToString()};
  }
  for (const auto& file : noted->files_) noted->bytes_ += file.size;
  return noted;
}

std::string Checkpoint::copy(const std::function<std::string()>& interrupted) {
  const std::string staging = path_ + ".tmp";
  const auto failed = [&](const std::string& where, const std::string& why) {
    std::error_code ignored;
    fs::remove_all(staging, ignored);
    return where + ": " + why + "; nothing was left behind";
  };
  if (mkdir(staging.c_str(), 0755) != 0) {
    return path_ + " cannot be made: " + reason() + "; check owner, permissions and space of " +
           fs::path(path_).parent_path().string();
  }
  for (const rocksdb::LiveFileStorageInfo& file : files_) {
    const std::string from = file.directory + "/" + file.relative_filename;
    const std::string to = staging + "/" + file.relative_filename;
    std::string why = interrupted();
    if (!why.empty()) return failed(path_, why);
    if (!file.replacement_contents.empty()) {
      why = writeText(to, file.replacement_contents);
    } else if (file.trim_to_size) {
      why = copyBytes(from, to, file.size, interrupted);
    } else {
      why = share(from, to, file.file_type == rocksdb::kWalFile);
    }
    if (!why.empty()) return failed("cannot copy " + from + " to " + to, why);
  }
  std::string why = syncDirectory(staging);
  if (why.empty() && rename(staging.c_str(), path_.c_str()) != 0) why = reason();
  if (!why.empty()) return failed("cannot make " + path_, why);
  return syncDirectory(fs::path(path_).parent_path());
}

}  // namespace holdfast
