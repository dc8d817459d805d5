// The store that a log begins with, or that a replay writes.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "store/rocks_store.h"

namespace holdfast::replay {

// A store in `dataDir`, which must be new; a copy of `checkpoint`, if that is not empty.
Result<std::unique_ptr<RocksStore>> newStore(const std::string& dataDir,
                                             const std::string& checkpoint);

// Feeds what a checkpoint holds to a sink, and leaves the checkpoint as it is.
class CheckpointContent {
 public:
  // Opens a copy, of hard links where that is possible, in a directory of its own.
  static Result<std::unique_ptr<CheckpointContent>> open(const std::string& checkpoint);
  ~CheckpointContent();
  CheckpointContent(const CheckpointContent&) = delete;
  CheckpointContent& operator=(const CheckpointContent&) = delete;

  void recover(RecoverySink& sink) { store_->recover(sink); }

 private:
  explicit CheckpointContent(std::string directory) : directory_(std::move(directory)) {}

  const std::string directory_;
  std::unique_ptr<RocksStore> store_;
};

}  // namespace holdfast::replay
