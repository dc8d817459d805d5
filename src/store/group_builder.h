// Makes groups of what is queued: which family each write goes to, what a step deletes, which folds
// it cancels, how far it moves the commit mark.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/registry_store.h"
#include "store/database.h"
#include "store/fold_thread.h"
#include "store/rocks_store.h"
#include "store/store_clock.h"
#include "store/store_owners.h"
#include "store/write_group.h"
#include "store/write_queue.h"

namespace holdfast {

// The store thread's.
class GroupBuilder {
 public:
  // Keeps its arguments, which must outlive it. `addFamilies` makes more free ones; false: it
  // cannot, and nothing more can be built.
  GroupBuilder(const StoreOptions& options, Database& database, const StoreClock& clock,
               std::function<bool()> addFamilies);

  // Before the first group: the owner of a family, and what must be in that.
  void own(OwnerId id, FamilyIndex family, const OwnerRecord& record, const NewestRecords& newest);
  const StoreOwners& owners() const { return owners_; }

  // Fills in the batch, from the group's block and fold writes, and all that follows from them.
  // False when this thread is to end.
  bool build(WriteGroup& group);
  // The group was committed: its newest records must be there from now on, and its folds that have
  // ended cannot be cancelled any more. Before its block is given back.
  void committed(const WriteGroup& group);

 private:
  using Owner = StoreOwners::Owner;

  bool build(WriteGroup& group, const StoreBatch& batch);
  void build(WriteGroup& group, FoldWrite& write);
  void add(WriteGroup& group, const PutInstance& step);
  void add(WriteGroup& group, const PutWorker& step);
  void add(WriteGroup& group, const PutLocation& step);
  void add(WriteGroup& group, const DropGeneration& step);
  void add(WriteGroup& group, const DropLocation& step);
  void add(WriteGroup& group, const DropFold& step);
  void add(WriteGroup& group, const DropJournal& step);
  void add(WriteGroup& group, const PutPins& step);
  void add(WriteGroup& group, const DropPins& step);
  void add(WriteGroup& group, const DropAllPins& step);
  void add(WriteGroup& group, const Release& step);
  void add(WriteGroup& group, const PutEvent& step);
  void add(WriteGroup& group, const DropEvent& step);
  void noteTime(WriteGroup& group);
  bool bind(WriteGroup& group, OwnerId id, OwnerRecord record);
  void startFold(WriteGroup& group, const FoldRequest& request);
  template <typename Matches>
  void cancelFolds(const Matches& matches);
  rocksdb::ColumnFamilyHandle* handle(OwnerId id);
  uint32_t number(OwnerId id);
  void markReport(WriteGroup& group, Owner& of, const QueuedWrite& report);
  void forgetNewest(const StoreStep& step);

  const StoreOptions& options_;
  Database& database_;
  const StoreClock& clock_;
  const std::function<bool()> addFamilies_;
  StoreOwners owners_;
  std::vector<std::shared_ptr<FoldJob>> activeFolds_;
  uint64_t groups_ = 0;  // begun
  std::optional<std::chrono::steady_clock::time_point> timeNoted_;
};

}  // namespace holdfast
