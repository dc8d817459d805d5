#include "store/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "format/commit_mark.h"
#include "store/incoming_files.h"
#include "store/store_loss.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// inUse() holds the lock for an instant, so a lock that is taken is asked for again.
constexpr int kLockAttempts = 10;
constexpr std::chrono::milliseconds kLockPause{20};

// A directory that cannot be locked by itself (NFS) has only RocksDB's lock.
bool cannotBeLocked(int error) {
  return error == EBADF || error == EINVAL || error == ENOLCK || error == EOPNOTSUPP;
}

int openDirectory(const std::string& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// The process that holds RocksDB's lock on a directory; 0 if none does, or this one.
pid_t holderOfLockFile(const std::string& path) {
  const int file = ::open((path + "/LOCK").c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  struct flock lock = {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  ::close(file);
  return held ? lock.l_pid : 0;
}

Error taken(const std::string& path) {
  const pid_t holder = holderOfLockFile(path);
  return unavailable("the data directory " + path + " is in use by another process" +
                     (holder > 0 ? " (" + std::to_string(holder) + ")" : "") +
                     ", which holds the lock on it and " + path +
                     "/LOCK; stop that process or choose another directory");
}

// What RocksDB leaves when it is killed while it makes a store, before the file CURRENT is there.
bool isOfAStoreInTheMaking(std::string_view name) {
  return name == "LOCK" || name == "IDENTITY" || name == kProbeFile ||
         name.starts_with("MANIFEST-") || name.starts_with("OPTIONS-") || name.ends_with(".dbtmp");
}

bool isNumberedLog(std::string_view name) {
  constexpr std::string_view kEnd = ".log";
  if (!name.ends_with(kEnd) || name.size() == kEnd.size()) return false;
  return name.find_first_not_of("0123456789") == name.size() - kEnd.size();
}

// What is in a store is for nobody else: prompts' hashes, and who runs where. Of those above it,
// which may be shared, only the missing ones are made.
void createForThisUser(const fs::path& path, std::error_code& error) {
  fs::path last = path;
  if (!last.has_filename()) last = last.parent_path();
  if (last.has_parent_path()) fs::create_directories(last.parent_path(), error);
  if (error || ::mkdir(last.c_str(), S_IRWXU) == 0) return;
  error = std::error_code(errno, std::generic_category());
}

}  // namespace

std::optional<Error> DataDirectory::open(rocksdb::Env& files) {
  const std::string& path = options_.dataDir;
  std::error_code error;
  if (options_.create && !fs::exists(path, error)) {
    createForThisUser(path, error);
    if (error) {
      return unavailable("cannot create the data directory " + path + ": " + error.message() +
                         "; check the path and its permissions");
    }
  }
  descriptor_ = openDirectory(path);
  if (descriptor_ < 0) {
    const std::string what = std::strerror(errno);
    if (errno == ENOENT) {
      return unavailable(
          "there is no data directory " + path +
          "; if its disk is to be mounted there, mount it; for a new store, make an empty "
          "directory, or let --create make it");
    }
    return unavailable("cannot open the data directory " + path + ": " + what +
                       "; check the path, its owner and its permissions");
  }
  auto problem = lock(files);
  if (!problem) warnIfOpenToOthers();
  if (problem) close();
  return problem;
}

void DataDirectory::warnIfOpenToOthers() const {
  struct stat found {};
  if (!options_.log || fstat(descriptor_, &found) != 0) return;
  if ((found.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
  options_.log(LogLevel::kWarning, "other users of this machine may look into the data directory " +
                                       options_.dataDir + "; take that away (chmod 700)");
}

void DataDirectory::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

std::optional<Error> DataDirectory::lock(rocksdb::Env& files) {
  const std::string& path = options_.dataDir;
  for (int attempt = 1; flock(descriptor_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
    if (cannotBeLocked(errno)) {
      if (options_.log) {
        options_.log(LogLevel::kWarning, "the file system of " + path +
                                             " has no locks on directories: the file LOCK alone "
                                             "keeps other processes out, and must stay there");
      }
      break;
    }
    if (errno != EWOULDBLOCK) {
      return unavailable("cannot lock the data directory " + path + ": " + std::strerror(errno));
    }
    if (attempt == kLockAttempts) return taken(path);
    std::this_thread::sleep_for(kLockPause);
  }
  if (auto problem = look(files)) return problem;

  const std::string lockFile = path + "/LOCK";
  rocksdb::FileLock* lock = nullptr;
  const rocksdb::Status locked = files.LockFile(lockFile, &lock);
  if (locked.ok()) {
    files.UnlockFile(lock);  // RocksDB takes it when it opens the store
    return std::nullopt;
  }
  const std::string what = locked.ToString();
  if (what.find("While lock file") != std::string::npos ||
      what.find("lock hold by current process") != std::string::npos) {
    return taken(path);
  }
  return unavailable(
      "cannot write to the data directory " + path + ": " + what +
      "; check its owner, its permissions and whether its disk is mounted read-only");
}

// Whether there is a store, or none and nothing else.
std::optional<Error> DataDirectory::look(rocksdb::Env& files) {
  const std::string& path = options_.dataDir;
  if (auto problem = settleIncoming(path)) return problem;
  holdsStore_ = files.FileExists(path + "/CURRENT").ok();
  if (holdsStore_) return std::nullopt;
  std::error_code error;
  for (fs::directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name == "lost+found" || isOfAStoreInTheMaking(name)) continue;
    if (name.ends_with(".sst") || isNumberedLog(name) || name == kCommitMarkFile) {
      // RocksDB would start a new store over the remains of another.
      return unavailable("the data directory " + path + " has files of a store (" + name +
                         ") but no file CURRENT, so it is not a whole one; " + remedies(path));
    }
    return unavailable(
        "the data directory " + path + " is not empty (" + name +
        ") and holds no store; a new store is made in an empty directory only: name one, or "
        "the directory of the store");
  }
  if (!error) return std::nullopt;
  return unavailable("cannot read the data directory " + path + ": " + error.message() +
                     "; check its owner and its permissions");
}

uint64_t DataDirectory::tableFiles() const {
  uint64_t count = 0;
  std::error_code error;
  for (fs::directory_iterator at(options_.dataDir, error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().extension() == ".sst") ++count;
  }
  return count;
}

void DataDirectory::removeRemains(rocksdb::Env& files, uint64_t current) const {
  const std::string& path = options_.dataDir;
  std::vector<std::string> names;
  if (!files.GetChildren(path, &names).ok()) return;  // they cost a start nothing but time
  for (const std::string& name : names) {
    if (name == kProbeFile) files.DeleteFile(path + "/" + name).PermitUncheckedError();
    if (!isNumberedLog(name) || std::strtoull(name.c_str(), nullptr, 10) == current) continue;
    uint64_t bytes = 0;
    if (files.GetFileSize(path + "/" + name, &bytes).ok() && bytes == 0) {
      files.DeleteFile(path + "/" + name).PermitUncheckedError();
    }
  }
}

rocksdb::Status DataDirectory::check() const {
  if (descriptor_ < 0) return rocksdb::Status::OK();
  struct stat opened = {};
  struct stat there = {};
  const std::string& path = options_.dataDir;
  if (fstat(descriptor_, &opened) == 0 && stat(path.c_str(), &there) != 0) {
    return rocksdb::Status::IOError(
        "the data directory cannot be reached (" + std::string(std::strerror(errno)) + ")", path);
  }
  if (opened.st_dev == there.st_dev && opened.st_ino == there.st_ino) return rocksdb::Status::OK();
  return rocksdb::Status::IOError(
      "the data directory is not the one that was opened: it was removed, unmounted or replaced",
      path);
}

bool DataDirectory::inUse(const std::string& path) {
  if (holderOfLockFile(path) > 0) return true;
  const int directory = openDirectory(path);
  if (directory < 0) return false;
  const bool held = flock(directory, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(directory);
  return held;
}

}  // namespace holdfast
