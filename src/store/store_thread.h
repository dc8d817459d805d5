// The one thread that writes. It takes blocks from the queue and commits each as one group.
//
// A group that fails stays at the head and is tried again until it is written, so the queue never
// has a hole: when the disk takes data again the database is opened again, which cuts a torn record
// off the log, and what had been reported as committed is looked for. (DB::Resume() would do for a
// full disk, but RocksDB as Debian builds it asserts in there.) Writing a group twice in a row is
// the same as writing it once. What a group consists of: group_builder.h; how it stands still and
// is well again: store_healer.h.
#pragma once

#include <rocksdb/write_batch.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/result.h"
#include "locks/mutex.h"
#include "store/checkpoint_thread.h"
#include "store/commit_marker.h"
#include "store/completions.h"
#include "store/database.h"
#include "store/fold_thread.h"
#include "store/group_builder.h"
#include "store/rocks_store.h"
#include "store/store_clock.h"
#include "store/store_healer.h"
#include "store/store_meter.h"
#include "store/write_group.h"
#include "store/write_queue.h"

namespace holdfast {

class StoreThread {
 public:
  // Keeps all its arguments, which must outlive it.
  StoreThread(const StoreOptions& options, Database& database, WriteQueue& queue,
              Completions& completions, FoldThread& folds, CheckpointThread& checkpoints,
              const StoreClock& clock, StoreMeter& meter);
  ~StoreThread();

  // Before start(): the owner of a family, and what must be in that.
  void own(OwnerId owner, FamilyIndex family, const OwnerRecord& record,
           const NewestRecords& newest) {
    builder_.own(owner, family, record, newest);
  }
  // What recovery found to be left over. Committed before anything else.
  void cleanUp(rocksdb::WriteBatch batch) { leftovers_ = std::move(batch); }
  // Called on this thread when something was committed; `synced`: and is on stable storage.
  void onCommit(std::function<void(bool synced)> callback) { onCommit_ = std::move(callback); }
  // Told of what is committed; may be set once, before start().
  void mark(CommitMarker& marker) { marker_ = &marker; }

  void start();
  // Writes what is queued and ends. The error says why something was not written.
  std::optional<Error> stop();

  // Any thread.
  void write(FoldWrite write);
  void syncFailed(const rocksdb::Status& status);
  uint32_t familiesUsed() const { return familiesUsed_; }
  uint32_t familiesFree() const { return familiesFree_; }

 private:
  void run();
  bool commitLeftovers();
  // False when this thread is to end, as with the others here; lost_ says why.
  bool commit(rocksdb::WriteBatch& batch, bool synced, const std::vector<MarkChange>& changes = {});
  void finish(WriteGroup& group);
  // The store cannot write because of `status`. Returns when it may be tried again.
  bool standStill(const rocksdb::Status& status);
  // The same for what is not a write: ends with a write that shows that all is well again.
  bool heal(const rocksdb::Status& status);
  bool addFamilies();
  bool keepFamiliesFree();

  const StoreOptions& options_;
  Database& database_;
  WriteQueue& queue_;
  Completions& completions_;
  FoldThread& folds_;
  CheckpointThread& checkpoints_;
  StoreMeter& meter_;
  std::function<void(bool)> onCommit_;
  CommitMarker* marker_ = nullptr;

  GroupBuilder builder_;
  StoreHealer healer_;
  rocksdb::WriteBatch leftovers_;
  uint64_t committedSequence_ = 0;
  std::chrono::steady_clock::time_point nextFamilies_;
  std::chrono::steady_clock::time_point nextWrite_;  // not before
  std::optional<Error> lost_;                        // what stop() says

  Mutex mutex_;  // of what other threads hand in
  std::deque<FoldWrite> foldWrites_ HOLDFAST_GUARDED_BY(mutex_);
  rocksdb::Status syncFailure_ HOLDFAST_GUARDED_BY(mutex_);
  bool stopping_ HOLDFAST_GUARDED_BY(mutex_) = false;

  std::atomic<uint32_t> familiesUsed_{0};
  std::atomic<uint32_t> familiesFree_{0};
  std::thread thread_;
};

}  // namespace holdfast
