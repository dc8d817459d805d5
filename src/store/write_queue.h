// The queue between the registry's thread and the store thread. Reports and batches of full syncs
// are encoded straight into the queue's blocks, in the form in which they are written, so that
// appending one is one pass over its keys and no allocation.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/placed_store.h"
#include "core/registry_store.h"
#include "locks/mutex.h"
#include "store/rocks_store.h"

namespace holdfast {

// A write in the queue. Of a report or a batch of a full sync: its key, and where its value stands
// in the block.
struct QueuedWrite {
  enum class Kind : uint8_t { kReport, kSyncBatch, kBatch, kFold, kCheckpoint };
  Kind kind = Kind::kReport;
  uint16_t location = 0;
  OwnerId owner = kNoOwner;
  uint32_t generation = 0;
  uint32_t stream = 0;      // of a report
  uint64_t firstSeq = 0;    // of a report
  Ticket ticket = 0;        // 0: a fold, which has none
  uint32_t at = 0;          // word in the block, or index of the batch or fold
  uint32_t words = 0;       // of the value
  uint32_t steps = 0;       // of a StoreBatch
  uint32_t operations = 0;  // of a report
  uint32_t number = 0;      // of a batch of a full sync
};

class QueueBlock {
 public:
  explicit QueueBlock(size_t words);

  bool fits(size_t words) const { return !sealed && used_ + words <= capacity_; }
  size_t capacity() const { return capacity_; }
  const uint64_t* start() const { return words_.get(); }
  // `words` words, all 0.
  std::span<uint64_t> allocate(size_t words);
  // Makes it as new.
  void clear();
  std::string_view value(const QueuedWrite& write) const {
    return {reinterpret_cast<const char*>(words_.get() + write.at), write.words * sizeof(uint64_t)};
  }

  std::vector<QueuedWrite> writes;
  std::vector<StoreBatch> batches;
  std::vector<FoldRequest> folds;
  CheckpointRequest checkpoint;   // of a block that holds nothing else
  std::optional<LogPlace> place;  // that its last write leads to; none: the store follows no log
  bool sealed = false;            // takes no more

 private:
  std::unique_ptr<uint64_t[]> words_;
  size_t capacity_;
  size_t used_ = 0;
};

class WriteQueue {
 public:
  explicit WriteQueue(size_t bytesMax) : bytesMax_(bytesMax) {}

  // The registry's thread.
  bool hasRoom(size_t bytes) const { return this->bytes() + bytes <= bytesMax_; }
  void append(Ticket ticket, const ReportRecord& report);
  void append(Ticket ticket, const BatchRecord& batch);
  void append(Ticket ticket, StoreBatch batch);
  void append(const FoldRequest& request);
  // What is appended from now on leads to this place of a log, until another one is said.
  void reach(const LogPlace& place) { place_ = place; }
  // Between what was appended before and what comes: in a block, hence a group, of its own.
  void appendCheckpoint(CheckpointRequest request);

  // What is queued and not yet committed, any thread.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

  // The store thread. The oldest block with writes in it, or null. Give it back when done.
  std::unique_ptr<QueueBlock> take();
  void giveBack(std::unique_ptr<QueueBlock> block);
  // Takes a committed write off the count.
  void committed(const QueuedWrite& write);
  // Sleeps until there is something to take, wake() was called or the time is over.
  void wait(std::chrono::milliseconds timeMax);
  // Any thread.
  void wake();

 private:
  QueueBlock& blockFor(size_t words) HOLDFAST_REQUIRES(mutex_);
  template <typename Encode>
  void append(QueuedWrite write, size_t words, Encode encode);
  void added(QueueBlock& block, const QueuedWrite& write) HOLDFAST_REQUIRES(mutex_);
  void added(size_t bytes) HOLDFAST_REQUIRES(mutex_);

  const size_t bytesMax_;
  std::optional<LogPlace> place_;  // the registry's thread's
  std::atomic<size_t> bytes_{0};
  Mutex mutex_;
  Condition wakened_;
  bool waiting_ HOLDFAST_GUARDED_BY(mutex_) = false;
  bool woken_ HOLDFAST_GUARDED_BY(mutex_) = false;
  // The last one is open.
  std::deque<std::unique_ptr<QueueBlock>> blocks_ HOLDFAST_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<QueueBlock>> spares_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
