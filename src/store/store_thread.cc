#include "store/store_thread.h"

#include <algorithm>
#include <utility>

#include "os/give_way.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

// After a group the thread waits this long for more before it sleeps: writes come in bursts, and
// waking it costs the registry's thread more than appending does.
constexpr std::chrono::microseconds kLinger{100};
constexpr std::chrono::milliseconds kSleepMax{1000};
constexpr uint32_t kFamiliesFewMin = 4;
constexpr uint32_t kFamiliesFewShare = 8;  // few: less than one of so many
constexpr std::chrono::seconds kFamiliesRetry{1};

}  // namespace

StoreThread::StoreThread(const StoreOptions& options, Database& database, WriteQueue& queue,
                         Completions& completions, FoldThread& folds, CheckpointThread& checkpoints,
                         const StoreClock& clock, StoreMeter& meter)
    : options_(options),
      database_(database),
      queue_(queue),
      completions_(completions),
      folds_(folds),
      checkpoints_(checkpoints),
      meter_(meter),
      builder_(options, database, clock, [this] { return addFamilies(); }),
      healer_(options, database, completions, builder_.owners()) {}

StoreThread::~StoreThread() {
  stop();
}

void StoreThread::start() {
  committedSequence_ = database_.db()->GetLatestSequenceNumber();
  familiesUsed_ = static_cast<uint32_t>(database_.familiesUsed());
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  thread_ = std::thread([this] { run(); });
}

std::optional<Error> StoreThread::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
  }
  healer_.stop();
  queue_.wake();
  if (thread_.joinable()) thread_.join();
  return lost_;
}

void StoreThread::write(FoldWrite write) {
  {
    const MutexLock lock(mutex_);
    foldWrites_.push_back(std::move(write));
  }
  queue_.wake();
}

void StoreThread::syncFailed(const rocksdb::Status& status) {
  {
    const MutexLock lock(mutex_);
    syncFailure_ = status;
  }
  queue_.wake();
}

void StoreThread::run() {
  giveWay(kNiceOfWrites);
  if (database_.readOnly() && !heal(rocksdb::Status::NoSpace("the store was opened read-only"))) {
    if (queue_.bytes() == 0) lost_.reset();
    return;
  }
  if (!commitLeftovers()) return;
  bool lingered = false;
  for (;;) {
    std::this_thread::sleep_until(nextWrite_);
    WriteGroup group;
    bool stopping = false;
    rocksdb::Status syncFailure;
    {
      const MutexLock lock(mutex_);
      stopping = stopping_;
      group.foldWrites = std::exchange(foldWrites_, {});
      syncFailure = std::exchange(syncFailure_, rocksdb::Status());
    }
    group.block = queue_.take();
    if (!syncFailure.ok()) {
      if (!heal(syncFailure)) break;
    }
    if (!group.block && group.foldWrites.empty()) {
      if (stopping) break;
      if (!keepFamiliesFree()) break;
      if (lingered) {
        queue_.wait(kSleepMax);
      } else {
        std::this_thread::sleep_for(kLinger);
      }
      lingered = !lingered;
      continue;
    }
    lingered = false;
    if (!builder_.build(group)) break;
    if (group.synced) nextWrite_ = std::chrono::steady_clock::now() + options_.syncedWriteInterval;
    if (!commit(group.batch, group.synced, group.marks)) break;
    finish(group);
  }
  const size_t left = queue_.bytes();
  if (left > 0 && !lost_) {
    lost_ =
        Error{ErrorCode::kUnavailable, std::to_string(left) + " bytes of writes were not written"};
  }
}

bool StoreThread::commitLeftovers() {
  if (leftovers_.Count() == 0) return true;
  const bool done = commit(leftovers_, false);
  leftovers_.Clear();
  return done;
}

bool StoreThread::commit(rocksdb::WriteBatch& batch, bool synced,
                         const std::vector<MarkChange>& changes) {
  rocksdb::WriteOptions options;
  options.sync = synced;
  for (;;) {
    const auto begin = StoreMeter::Clock::now();
    const rocksdb::Status status = database_.db()->Write(options, &batch);
    meter_.committed(begin, synced);
    if (status.ok()) break;
    if (!standStill(status)) return false;
  }
  committedSequence_ = database_.db()->GetLatestSequenceNumber();
  if (marker_ != nullptr) marker_->committed(committedSequence_, synced, changes);
  healer_.written();
  if (onCommit_) onCommit_(synced);
  return true;
}

void StoreThread::finish(WriteGroup& group) {
  familiesUsed_ = static_cast<uint32_t>(database_.familiesUsed());
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  builder_.committed(group);
  if (group.block) {
    for (const QueuedWrite& write : group.block->writes) {
      if (write.kind == QueuedWrite::Kind::kCheckpoint) checkpoints_.take(group.block->checkpoint);
      queue_.committed(write);
    }
    queue_.giveBack(std::move(group.block));
  }
  if (group.upTo != 0) completions_.committed(group.upTo);
  for (FoldWrite& write : group.foldWrites) {
    if (write.last) completions_.folded(std::move(write.result));
    folds_.written();
  }
  for (FoldResult& result : group.foldResults) completions_.folded(std::move(result));
  completions_.post();
  for (auto& job : group.newFolds) folds_.submit(std::move(job));
}

bool StoreThread::addFamilies() {
  const size_t all = database_.familiesUsed() + database_.familiesFree();
  const size_t count =
      std::min<size_t>(std::max<size_t>({all, options_.familiesFree, 1}), kFamiliesGroupMax);
  const rocksdb::Status status = database_.addFamilies(count);
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  return status.ok() || heal(status);
}

// Creates families ahead of need. False when this thread is to end.
bool StoreThread::keepFamiliesFree() {
  const size_t all = database_.familiesUsed() + database_.familiesFree();
  const size_t few = std::min<size_t>(options_.familiesFree,
                                      std::max<size_t>(kFamiliesFewMin, all / kFamiliesFewShare));
  if (database_.familiesFree() >= few) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now < nextFamilies_) return true;
  nextFamilies_ = now + kFamiliesRetry;
  return addFamilies();
}

bool StoreThread::standStill(const rocksdb::Status& status) {
  lost_ = healer_.standStill(status, committedSequence_);
  if (lost_) return false;
  // Opening has brought everything to table files, so a sync that failed meanwhile is made up.
  const MutexLock lock(mutex_);
  syncFailure_ = rocksdb::Status();
  return true;
}

bool StoreThread::heal(const rocksdb::Status& status) {
  if (!standStill(status)) return false;
  rocksdb::WriteBatch nothing;
  return commit(nothing, options_.walSync != WalSync::kNever);
}

}  // namespace holdfast
