// Folding: a location's journal that has outgrown its content is written into segments by the
// store, which then drops it. At most two folds run at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>

#include "core/messages.h"
#include "core/notice_sink.h"
#include "core/registry/registry_tree.h"
#include "core/registry_store.h"

namespace holdfast {

class Folding {
 public:
  // Keeps all references. Journals of at most `floorOperations` are left alone.
  Folding(RegistryTree& tree, RegistryStore& store, NoticeSink& notices, uint64_t floorOperations)
      : tree_(tree), store_(store), notices_(notices), floor_(floorOperations) {}

  // After something was added to the location's journal: it is due where it has grown enough.
  void queue(Location& location) {
    if (location.foldQueued || location.journalOperations <= std::max(floor_, location.count)) {
      return;
    }
    location.foldQueued = true;
    due_.push_back({location.serial});
  }
  // Starts those that are due, as many as may run at once.
  void start();
  // True: starts none until restart() or hold(false).
  void hold(bool hold) { held_ = hold; }
  size_t running() const { return running_.size(); }
  void onFolded(const FoldResult& result);

  // What is due is forgotten; see Registry::restart. No fold may be running.
  void restart();

 private:
  static constexpr size_t kAtOnce = 2;
  struct Fold {
    LocationRef location;
    LivePart live;  // as it was when the fold began
  };

  void commit(Location& location, const FoldResult& result);

  RegistryTree& tree_;
  RegistryStore& store_;
  NoticeSink& notices_;
  const uint64_t floor_;
  std::unordered_map<uint64_t, Fold> running_;  // by request id
  uint64_t nextId_ = 1;
  std::deque<LocationRef> due_;
  bool held_ = false;
};

}  // namespace holdfast
