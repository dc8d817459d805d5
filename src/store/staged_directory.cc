#include "store/staged_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "store/sync_directory.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

Error cannotMake(const std::string& path, const std::string& why) {
  return {ErrorCode::kUnavailable, path + " cannot be made: " + why};
}

// What nobody but a process that makes a copy leaves behind: files of a store, and COPY. In `lost`
// RocksDB puts aside what it has no use for.
bool isOurs(const fs::path& directory, bool inside = false) {
  constexpr std::array kOthers = {kCopyFile, "LOCK", "LOG", "IDENTITY"};
  std::error_code error;
  if (fs::symlink_status(directory, error).type() != fs::file_type::directory) return false;
  bool hasCopyFile = false;
  bool empty = true;
  for (fs::directory_iterator at(directory, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    const fs::file_type type = at->symlink_status(error).type();
    empty = false;
    if (name == "lost" && !inside && isOurs(at->path(), true)) continue;
    const bool store =
        isStoreFile(name) || name.starts_with("LOG.old.") || name.ends_with(".dbtmp");
    if (!store && std::find(kOthers.begin(), kOthers.end(), name) == kOthers.end()) return false;
    if (type != fs::file_type::regular && type != fs::file_type::symlink) return false;
    hasCopyFile = hasCopyFile || name == kCopyFile;
  }
  // It is killed between making the directory and the first file.
  return !error && (hasCopyFile || empty || inside);
}

// An error if what is in the way stays there.
std::optional<Error> removeLeftover(const std::string& directory) {
  std::error_code error;
  if (fs::symlink_status(directory, error).type() == fs::file_type::not_found) return std::nullopt;
  if (!isOurs(directory)) {
    return unavailable(directory +
                       " is in the way and is not what a copy that was broken off leaves behind; "
                       "move it away or name another place");
  }
  const int file = open((directory + "/" + kCopyFile).c_str(), O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    const bool locked = flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    close(file);
    if (locked) {
      return unavailable("another process is making a copy there, in " + directory +
                         "; wait for it or name another place");
    }
  }
  fs::remove_all(directory, error);
  if (!error) return std::nullopt;
  return unavailable("cannot remove " + directory + ", which was left behind: " + error.message());
}

bool writeText(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    text.remove_prefix(static_cast<size_t>(put));
  }
  return fsync(file) == 0;
}

}  // namespace

StagedDirectory::StagedDirectory(std::string path, std::string directory, int copyFile)
    : path_(std::move(path)), directory_(std::move(directory)), copyFile_(copyFile) {}

StagedDirectory::~StagedDirectory() {
  std::error_code ignored;
  if (!published_) fs::remove_all(directory_, ignored);
  close(copyFile_);
}

Result<std::unique_ptr<StagedDirectory>> StagedDirectory::begin(const std::string& given) {
  // Without a slash at its end, behind which the other name would be inside.
  const std::string path = given.ends_with('/') ? fs::path(given).parent_path().string() : given;
  std::error_code error;
  const bool there = fs::symlink_status(path, error).type() != fs::file_type::not_found;
  if (there && !(fs::is_directory(path, error) && fs::is_empty(path, error))) {
    return Error{ErrorCode::kInvalid,
                 path + " exists already and is not empty; name a directory that is new"};
  }
  const std::string directory = path + ".partial";
  if (const auto why = removeLeftover(directory)) return cannotMake(path, why->message);
  if (mkdir(directory.c_str(), S_IRWXU) != 0) {
    const std::string parent = fs::path(path).parent_path().string();
    return cannotMake(path, std::string(std::strerror(errno)) +
                                "; check owner, permissions and space of " +
                                (parent.empty() ? "this directory" : parent));
  }
  const int file =
      open((directory + "/" + kCopyFile).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (file < 0 || flock(file, LOCK_EX | LOCK_NB) != 0) {
    const std::string why = std::strerror(errno);
    if (file >= 0) close(file);
    (void)rmdir(directory.c_str());
    return cannotMake(path, why);
  }
  return std::unique_ptr<StagedDirectory>(new StagedDirectory(path, directory, file));
}

std::optional<Error> StagedDirectory::publish(const CopyManifest& manifest) {
  const bool whole = writeText(copyFile_, encodeCopyManifest(manifest)) &&
                     syncDirectory(directory_) && rename(directory_.c_str(), path_.c_str()) == 0;
  if (!whole) return cannotMake(path_, std::strerror(errno));
  published_ = true;
  const std::string parent = fs::path(path_).parent_path().string();
  if (syncDirectory(parent.empty() ? "." : parent)) return std::nullopt;
  return Error{ErrorCode::kUnavailable,
               path_ + " is there, but its name is not on stable storage: " + std::strerror(errno) +
                   "; check the disk"};
}

}  // namespace holdfast
