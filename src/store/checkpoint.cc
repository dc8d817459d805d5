#include "store/checkpoint.h"

#include <fcntl.h>
#include <rocksdb/file_checksum.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <thread>
#include <utility>

#include "store/staged_directory.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// Copied between two questions whether to go on.
constexpr size_t kChunkBytes = size_t{1} << 20;

std::string reason() {
  return std::strerror(errno);
}

std::optional<Error> whyNot(const CopyWork& work) {
  return work.interrupted ? work.interrupted() : std::nullopt;
}

// What the last call said, or that all went well.
std::optional<Error> failedUnless(bool well) {
  return well ? std::nullopt : std::optional(unavailable(reason()));
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
std::optional<Error> wrongPlace(const std::string& path, const std::string& dataDir,
                                Checkpoint::Tables tables) {
  const fs::path place(path);
  if (!place.is_absolute()) {
    return refused(path +
                   " is not an absolute path: name the directory from the root of the "
                   "controller's machine");
  }
  std::error_code error;
  if (fs::symlink_status(path, error).type() != fs::file_type::not_found) {
    return refused(path + " exists already; name a directory that is new");
  }
  const std::string parent = place.parent_path();
  struct stat ofParent = {};
  struct stat ofStore = {};
  if (stat(parent.c_str(), &ofParent) != 0) {
    return refused(path + " cannot be made: " + parent + ": " + reason() + "; make that first");
  }
  if (tables == Checkpoint::Tables::kShareOnly && stat(dataDir.c_str(), &ofStore) == 0 &&
      ofParent.st_dev != ofStore.st_dev) {
    return refused(path + " is on another file system than the store in " + dataDir +
                   ", whose files it is to share; name a place there, and copy it from there");
  }
  if (fs::equivalent(parent, dataDir, error)) {
    return refused(path + " is inside the store's own directory; name a place beside it");
  }
  return std::nullopt;
}

// The first `bytes` of a file, added to `sum`.
std::optional<Error> copyBytes(const std::string& from, const std::string& to, uint64_t bytes,
                               const CopyWork& work, FileChecksum& sum) {
  const File source(from, O_RDONLY);
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!source.ok() || !target.ok()) return unavailable(reason());
  std::vector<char> chunk(kChunkBytes);
  for (uint64_t at = 0; at < bytes;) {
    if (auto why = whyNot(work)) return why;
    const size_t wanted = std::min<uint64_t>(chunk.size(), bytes - at);
    const ssize_t got = pread(source.get(), chunk.data(), wanted, static_cast<off_t>(at));
    if (got <= 0) return unavailable(got == 0 ? "it is shorter than it should be" : reason());
    sum.add(chunk.data(), static_cast<size_t>(got));
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(target.get(), chunk.data() + done, static_cast<size_t>(got - done));
      if (put <= 0) return unavailable(reason());
      done += put;
    }
    at += static_cast<uint64_t>(got);
  }
  return failedUnless(target.sync());
}

std::optional<Error> writeText(const std::string& to, const std::string& text, FileChecksum& sum) {
  const File target(to, O_WRONLY | O_CREAT | O_EXCL);
  if (!target.ok()) return unavailable(reason());
  sum.add(text.data(), text.size());
  const bool whole =
      write(target.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  return failedUnless(whole && target.sync());
}

// False where hard links end.
Result<bool> share(const std::string& from, const std::string& to, bool isLog) {
  if (link(from.c_str(), to.c_str()) != 0) {
    if (errno == EXDEV) return false;
    return unavailable(reason());
  }
  // What is in a table file is on the disk before it counts; a log gets there when it is synced.
  if (!isLog) return true;
  const File log(to, O_RDONLY);
  if (!log.ok() || !log.sync()) return unavailable(reason());
  return true;
}

// As RocksDB noted it when it wrote the file; empty: it did not.
std::string notedChecksum(const rocksdb::LiveFileStorageInfo& file) {
  static const std::string kName =
      rocksdb::GetFileChecksumGenCrc32cFactory()->CreateFileChecksumGenerator({})->Name();
  return file.file_checksum_func_name == kName ? hexDigits(file.file_checksum) : "";
}

// Reads shared files for their checksums, half of the time, and says how far that is.
class Reading {
 public:
  Reading(const CopyWork& work, uint64_t total) : work_(work), total_(total) {}

  Result<std::string> checksum(const std::string& path, uint64_t bytes) {
    auto began = Clock::now();
    return checksumOf(path, bytes, [&](uint64_t read) -> std::optional<Error> {
      if (read > 0) {
        done_ += read;
        std::this_thread::sleep_for(Clock::now() - began);
        if (work_.progress) work_.progress(done_, total_);
      }
      began = Clock::now();
      return whyNot(work_);
    });
  }

 private:
  using Clock = std::chrono::steady_clock;
  const CopyWork& work_;
  const uint64_t total_;
  uint64_t done_ = 0;
};

}  // namespace

Checkpoint::Checkpoint(rocksdb::DB& db, std::string path, CopiedStore store)
    : db_(db), path_(std::move(path)), store_(std::move(store)) {}

Checkpoint::~Checkpoint() {
  (void)db_.EnableFileDeletions(false);
}

Result<std::unique_ptr<Checkpoint>> Checkpoint::note(rocksdb::DB& db, const std::string& path,
                                                     CopiedStore store, Tables tables) {
  if (auto wrong = wrongPlace(path, db.GetName(), tables)) return *wrong;
  rocksdb::Status status = db.DisableFileDeletions();
  std::unique_ptr<Checkpoint> noted;
  if (status.ok()) {
    noted.reset(new Checkpoint(db, path, std::move(store)));
    rocksdb::LiveFilesStorageInfoOptions options;
    options.include_checksum_info = true;
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

std::optional<Error> Checkpoint::copy(const CopyWork& work) {
  auto begun = StagedDirectory::begin(path_);
  if (!begun.ok()) return begun.error();
  StagedDirectory& staged = *begun.value();
  CopyManifest manifest;
  manifest.clusterId = clusterText(store_.format);
  manifest.format = store_.format.version;
  manifest.sequence = sequence_;
  manifest.madeWallMs = wallMsNow();
  manifest.registryDigest = store_.registryDigest;
  if (auto failed = copyInto(staged.directory(), work, manifest.files)) {
    failed->message += "; nothing was left behind";
    return failed;
  }
  return staged.publish(manifest);
}

// One file, and what there is to say of it.
std::optional<Error> Checkpoint::copyOne(const rocksdb::LiveFileStorageInfo& file,
                                         const std::string& from, const std::string& to,
                                         const CopyWork& work, CopiedFile& entry) {
  FileChecksum sum;
  bool shared = false;
  if (file.replacement_contents.empty() && !file.trim_to_size) {
    const auto done = share(from, to, file.file_type == rocksdb::kWalFile);
    if (!done.ok()) return done.error();
    shared = done.value();
  }
  if (shared) {
    entry.checksum = notedChecksum(file);
    // A store with a damaged table is copied as it is: the list says what the copy has.
    std::error_code error;
    entry.bytes = fs::file_size(to, error);
    return error ? std::optional(unavailable(error.message())) : std::nullopt;
  }
  auto wrong = file.replacement_contents.empty() ? copyBytes(from, to, file.size, work, sum)
                                                 : writeText(to, file.replacement_contents, sum);
  entry.checksum = sum.hex();
  return wrong;
}

// All files, and what there is to say of each.
std::optional<Error> Checkpoint::copyInto(const std::string& directory, const CopyWork& work,
                                          std::vector<CopiedFile>& copied) const {
  const auto failed = [](const std::string& where, const std::string& why) {
    return Error{ErrorCode::kUnavailable, where + ": " + why};
  };
  std::vector<std::pair<size_t, std::string>> toRead;  // place in `copied`, path
  uint64_t bytesToRead = 0;
  for (const rocksdb::LiveFileStorageInfo& file : files_) {
    const std::string from = file.directory + "/" + file.relative_filename;
    const std::string to = directory + "/" + file.relative_filename;
    if (const auto why = whyNot(work)) return failed(path_, why->message);
    CopiedFile& entry = copied.emplace_back(CopiedFile{file.relative_filename, file.size, {}});
    if (auto wrong = copyOne(file, from, to, work, entry)) {
      return failed("cannot copy " + from + " to " + to, wrong->message);
    }
    if (entry.checksum.empty() && work.readTables) {
      toRead.emplace_back(copied.size() - 1, to);
      bytesToRead += entry.bytes;
    }
  }
  Reading reading(work, bytesToRead);
  for (const auto& [place, path] : toRead) {
    auto sum = reading.checksum(path, copied[place].bytes);
    if (!sum.ok()) return sum.error();
    copied[place].checksum = std::move(sum.value());
  }
  return std::nullopt;
}

}  // namespace holdfast
