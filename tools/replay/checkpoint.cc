#include "replay/checkpoint.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "store/copy_manifest.h"

namespace holdfast::replay {
namespace {

namespace fs = std::filesystem;

// Table files never change, so a link will do; everything else is written to. What it consists of
// comes first, so that a start refuses what was copied by half; one that is not whole is refused by
// the start that follows.
std::error_code copyStore(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to, error);
  if (error) return error;
  if (fs::exists(from / kCopyFile, error)) fs::copy(from / kCopyFile, to / kCopyFile, error);
  if (error) return error;
  for (const auto& entry : fs::directory_iterator(from, error)) {
    const fs::path target = to / entry.path().filename();
    if (target.filename() == kCopyFile) continue;
    if (entry.path().extension() == ".sst") {
      fs::create_hard_link(entry.path(), target, error);
      if (!error) continue;
    }
    fs::copy(entry.path(), target, fs::copy_options::recursive, error);
    if (error) return error;
  }
  return error;
}

Result<std::unique_ptr<RocksStore>> openStore(const std::string& dataDir) {
  StoreOptions options;
  options.dataDir = dataDir;
  options.create = true;
  options.createdBy = "holdfast-replay " HOLDFAST_VERSION;
  return RocksStore::open(std::move(options));
}

}  // namespace

Result<std::unique_ptr<RocksStore>> newStore(const std::string& dataDir,
                                             const std::string& checkpoint) {
  std::error_code error;
  if (fs::exists(dataDir, error)) {
    return Error{ErrorCode::kInvalid, dataDir + " is there already; name a new directory"};
  }
  if (!checkpoint.empty()) {
    error = copyStore(checkpoint, dataDir);
    if (error) {
      return Error{ErrorCode::kUnavailable,
                   "cannot copy " + checkpoint + " to " + dataDir + ": " + error.message()};
    }
  }
  return openStore(dataDir);
}

Result<std::unique_ptr<CheckpointContent>> CheckpointContent::open(const std::string& checkpoint) {
  // Beside the checkpoint, where links are possible; elsewhere if nothing can be written there.
  std::string directory = checkpoint + "-replay-XXXXXX";
  if (mkdtemp(directory.data()) == nullptr) {
    directory = (fs::temp_directory_path() / "holdfast-replay-XXXXXX").string();
    if (mkdtemp(directory.data()) == nullptr) {
      return Error{ErrorCode::kUnavailable, "cannot make a directory " + directory};
    }
  }
  std::unique_ptr<CheckpointContent> content(new CheckpointContent(directory));
  if (const std::error_code error = copyStore(checkpoint, directory)) {
    return Error{ErrorCode::kUnavailable,
                 "cannot copy " + checkpoint + " to " + directory + ": " + error.message()};
  }
  auto store = openStore(directory);
  if (!store.ok()) return store.error();
  content->store_ = std::move(store.value());
  return content;
}

CheckpointContent::~CheckpointContent() {
  if (store_ != nullptr) store_->close();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

}  // namespace holdfast::replay
