#include "store/pinned_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// The manifest is replaced by another now and then, between reading its name and reading it.
constexpr int kManifestAttemptsMax = 8;

std::string reason(int error) {
  return std::strerror(error);
}

}  // namespace

PinnedFiles::~PinnedFiles() {
  unlink();
  for (const auto& [name, descriptor] : descriptors_) close(descriptor);
}

void PinnedFiles::unlink() {
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

std::string PinnedFiles::path(const std::string& name) const {
  const auto found = descriptors_.find(name);
  return found == descriptors_.end() ? dataDir_ + "/" + name
                                     : "/proc/self/fd/" + std::to_string(found->second);
}

std::optional<Error> PinnedFiles::pin(const std::string& dataDir) {
  dataDir_ = dataDir;
  std::error_code error;
  std::string pattern = (fs::temp_directory_path(error) / "holdfast-store-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    return unavailable("a directory for temporary files is needed and cannot be made: " +
                       reason(errno) + "; set TMPDIR to one that can be written");
  }
  directory_ = pattern;
  auto problem = pinAll();
  if (!problem) problem = copyManifest();
  if (!problem) problem = pinAll();
  return problem;
}

// Table files and logs that are not pinned yet.
std::optional<Error> PinnedFiles::pinAll() {
  std::error_code error;
  fs::directory_iterator entries(dataDir_, error);
  if (error)
    return unavailable("it cannot be listed: " + error.message() +
                       "; check its owner and permissions");
  for (const fs::directory_entry& entry : entries) {
    const std::string name = entry.path().filename().string();
    if ((!name.ends_with(".sst") && !name.ends_with(".log")) || descriptors_.contains(name)) {
      continue;
    }
    const int descriptor = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 && errno == ENOENT) continue;  // deleted since it was listed
    if (descriptor < 0) {
      return unavailable("its file " + name + " cannot be opened: " + reason(errno) +
                         (errno == EMFILE ? "; raise the limit of open files (ulimit -n)"
                                          : "; check its owner and permissions"));
    }
    descriptors_.emplace(name, descriptor);
    if (symlink(path(name).c_str(), (directory_ + "/" + name).c_str()) != 0) {
      return unavailable("cannot write to " + directory_ + ": " + reason(errno) +
                         "; set TMPDIR to a directory that can be written");
    }
  }
  return std::nullopt;
}

std::optional<Error> PinnedFiles::copyManifest() {
  for (int attempt = 0; attempt < kManifestAttemptsMax; ++attempt) {
    std::string name = manifest_;
    if (name.empty()) std::ifstream(dataDir_ + "/CURRENT") >> name;
    std::ifstream from(dataDir_ + "/" + name, std::ios::binary);
    if (name.empty() || !from) continue;
    std::ofstream to(directory_ + "/" + name, std::ios::binary);
    to << from.rdbuf();
    to.close();
    std::ofstream current(directory_ + "/CURRENT");
    current << name << '\n';
    current.close();
    if (to && current && !from.bad()) return std::nullopt;
    return unavailable("cannot copy its file " + name + " to " + directory_ +
                       "; free space there, or set TMPDIR to another directory");
  }
  return unavailable("the file that CURRENT names cannot be read; restore a backup");
}

std::string PinnedFiles::translated(std::string text) const {
  if (directory_.empty()) return text;
  for (size_t at = text.find(directory_); at != std::string::npos; at = text.find(directory_, at)) {
    text.replace(at, directory_.size(), dataDir_);
    at += dataDir_.size();
  }
  return text;
}

}  // namespace holdfast
