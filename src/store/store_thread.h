// The one thread that writes. It takes blocks from the queue and commits each as one group.
//
// A group that fails stays at the head and is tried again until it is written, so the queue never
// has a hole: when the disk takes data again the database is opened again, which cuts a torn record
// off the log, and what had been reported as committed is looked for. (DB::Resume() would do for a
// full disk, but RocksDB as Debian builds it asserts in there.) Writing a group twice in a row is
// the same as writing it once.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "format/registry_records.h"
#include "store/checkpoint_thread.h"
#include "store/commit_marker.h"
#include "store/completions.h"
#include "store/database.h"
#include "store/fold_thread.h"
#include "store/newest_records.h"
#include "store/rocks_store.h"
#include "store/store_clock.h"
#include "store/write_queue.h"

namespace holdfast {

class StoreThread {
 public:
  // Keeps all its arguments, which must outlive it.
  StoreThread(const StoreOptions& options, Database& database, WriteQueue& queue,
              Completions& completions, FoldThread& folds, CheckpointThread& checkpoints,
              const StoreClock& clock);
  ~StoreThread();

  // Before start(): the owner of a family, and what must be in that.
  void own(OwnerId owner, FamilyIndex family, const OwnerRecord& record,
           const NewestRecords& newest);
  // What recovery found to be left over. Committed before anything else.
  void cleanUp(rocksdb::WriteBatch batch) { leftovers_ = std::move(batch); }
  // Called on this thread when something was committed; `synced`: and is on stable storage.
  void onCommit(std::function<void(bool synced)> callback) { onCommit_ = std::move(callback); }
  // Told of what is committed; may be set once, before start().
  void mark(CommitMarker& marker) { marker_ = &marker; }

  void start();
  // Writes what is queued and ends. Empty, or why something was not written.
  std::string stop();

  // Any thread.
  void write(FoldWrite write);
  void syncFailed(const rocksdb::Status& status);
  uint32_t familiesUsed() const { return familiesUsed_; }
  uint32_t familiesFree() const { return familiesFree_; }

 private:
  struct Owner {
    FamilyIndex family = kNoFamily;
    OwnerRecord record;
    NewestRecords newest;
    uint64_t markedIn = 0;  // the group with its last mark, and which one that is
    size_t mark = 0;
  };
  struct Group;

  void run();
  bool commitLeftovers();
  bool build(Group& group);
  bool build(Group& group, const StoreBatch& batch);
  void build(Group& group, FoldWrite& write);
  void noteTime(Group& group);
  bool bind(Group& group, OwnerId owner, OwnerRecord record);
  void release(Group& group, Owner& owner);
  void startFold(Group& group, const FoldRequest& request);
  template <typename Matches>
  void cancelFolds(const Matches& matches);
  Owner& owner(OwnerId id);
  Owner& bound(OwnerId id);
  uint32_t number(const Owner& owner) const;
  void markReport(Group& group, Owner& owner, const QueuedWrite& report);
  static void markLocation(Group& group, uint32_t family, const LocationRecord& record);
  void forgetNewest(const StoreStep& step);
  void rememberNewest(const QueuedWrite& write);

  bool commit(rocksdb::WriteBatch& batch, bool synced, const std::vector<MarkChange>& changes = {});
  void finish(Group& group);
  // The store cannot write because of `status`. True when it may be tried again, false when this
  // thread is to end.
  bool standStill(rocksdb::Status status);
  // The same for what is not a write: ends with a write that shows that all is well again.
  bool heal(const rocksdb::Status& status);
  // Empty, or what had been committed and is gone.
  std::string missing() const;
  void fail(const std::string& what);
  bool addFamilies();
  bool keepFamiliesFree();
  bool pause(std::chrono::milliseconds time);
  void log(LogLevel level, const std::string& message) const;

  const StoreOptions& options_;
  Database& database_;
  WriteQueue& queue_;
  Completions& completions_;
  FoldThread& folds_;
  CheckpointThread& checkpoints_;
  const StoreClock& clock_;
  std::function<void(bool)> onCommit_;
  CommitMarker* marker_ = nullptr;

  std::vector<Owner> owners_;  // by OwnerId
  std::vector<std::shared_ptr<FoldJob>> activeFolds_;
  rocksdb::WriteBatch leftovers_;
  uint64_t groups_ = 0;  // begun
  rocksdb::SequenceNumber committedSequence_ = 0;
  uint32_t failures_ = 0;  // since the last success
  std::chrono::steady_clock::time_point nextFamilies_;
  std::chrono::steady_clock::time_point nextWrite_;  // not before
  std::optional<std::chrono::steady_clock::time_point> timeNoted_;
  bool triedLast_ = false;  // to heal, after the deadline of stop()
  std::string lost_;        // what stop() says

  std::mutex mutex_;  // of what other threads hand in
  std::deque<FoldWrite> foldWrites_;
  rocksdb::Status syncFailure_;
  std::condition_variable stopWanted_;
  bool stopping_ = false;
  std::chrono::steady_clock::time_point deadline_;

  std::atomic<uint32_t> familiesUsed_{0};
  std::atomic<uint32_t> familiesFree_{0};
  std::thread thread_;
};

}  // namespace holdfast
