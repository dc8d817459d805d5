#include "store/incoming_files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "store/sync_directory.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMakesAStore = "CURRENT";  // makes the directory a store

Error cannotAdopt(const std::string& what, const std::string& why) {
  return unavailable("a copy of a store has come, but " + what + ": " + why +
                     "; check owner, permissions and space of its directory");
}

std::optional<Error> moveUp(const std::string& directory) {
  const fs::path from = fs::path(directory) / kJoinedDirectory;
  std::error_code error;
  std::vector<std::string> names;
  for (fs::directory_iterator at(from, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename() != kMakesAStore) names.push_back(at->path().filename());
  }
  if (error) return cannotAdopt(from.string() + " cannot be listed", error.message());
  const auto move = [&](const std::string& name) {
    fs::rename(from / name, fs::path(directory) / name, error);
    return !error;
  };
  for (const std::string& name : names) {
    if (!move(name)) return cannotAdopt(name + " cannot be moved up", error.message());
  }
  if (!syncDirectory(directory)) {
    return cannotAdopt(directory + " cannot be synced", std::strerror(errno));
  }
  // Not there any more: a process was killed right after it.
  if (fs::exists(from / kMakesAStore, error) && !move(std::string(kMakesAStore))) {
    return cannotAdopt("its file CURRENT cannot be moved up", error.message());
  }
  fs::remove(from, error);
  if (error) return cannotAdopt(from.string() + " cannot be removed", error.message());
  if (!syncDirectory(directory)) {
    return cannotAdopt(directory + " cannot be synced", std::strerror(errno));
  }
  return std::nullopt;
}

}  // namespace

std::optional<Error> settleIncoming(const std::string& directory) {
  std::error_code error;
  const fs::path joining = fs::path(directory) / kJoiningDirectory;
  const fs::path joined = fs::path(directory) / kJoinedDirectory;
  if (fs::symlink_status(joining, error).type() == fs::file_type::directory) {
    fs::remove_all(joining, error);
    if (error) {
      return unavailable("cannot remove " + joining.string() +
                         ", half of a copy of a store: " + error.message());
    }
  }
  if (fs::symlink_status(joined, error).type() != fs::file_type::directory) return std::nullopt;
  return moveUp(directory);
}

std::optional<Error> adoptIncoming(const std::string& directory) {
  const std::string joining = directory + "/" + kJoiningDirectory;
  const std::string joined = directory + "/" + kJoinedDirectory;
  if (!syncDirectory(joining) || std::rename(joining.c_str(), joined.c_str()) != 0 ||
      !syncDirectory(directory)) {
    return cannotAdopt(joining + " cannot be renamed", std::strerror(errno));
  }
  return moveUp(directory);
}

}  // namespace holdfast
