// Folding: the thread that merges segments and journal of a location into new segments. It reads a
// snapshot; what it writes goes through the store thread, a segment at a time.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/registry_store.h"
#include "format/keys.h"
#include "locks/mutex.h"
#include "store/database.h"
#include "store/store_meter.h"

namespace holdfast {

// A fold that the store thread has let through: everything queued before it is committed.
class FoldJob {
 public:
  FoldJob(FoldRequest requested, FamilyIndex of) : request(requested), family(of) {}

  const FoldRequest request;
  const FamilyIndex family;

  // The store thread, when it drops what the fold reads: from then on the fold writes nothing.
  // This is what keeps it out of the next life of a released family.
  void cancel() { cancelled_ = true; }
  bool cancelled() const { return cancelled_; }

 private:
  std::atomic<bool> cancelled_{false};
};

// A write on behalf of a fold.
struct FoldWrite {
  std::shared_ptr<FoldJob> job;
  bool clear = false;  // deletes the segments of the new fold first
  std::vector<std::pair<StoreKey, std::string>> puts;
  bool last = false;  // `result` is to be delivered
  FoldResult result;
};

class FoldThread {
 public:
  using Writer = std::function<void(FoldWrite)>;

  // `writer` is called on this thread and must not block; written() answers each of its calls.
  FoldThread(const StoreOptions& options, Database& database, StoreMeter& meter, Writer writer);
  ~FoldThread();

  void start();
  // Drops what is queued, breaks off what is running.
  void stop();

  // The store thread.
  void submit(std::shared_ptr<FoldJob> job);
  void written();

 private:
  void run();
  FoldWrite fold(const std::shared_ptr<FoldJob>& job);
  // False if the fold must be broken off.
  bool write(FoldWrite write);
  bool stopping();

  const StoreOptions& options_;
  Database& database_;
  StoreMeter& meter_;
  const Writer writer_;
  Mutex mutex_;
  Condition wakened_;
  std::deque<std::shared_ptr<FoldJob>> jobs_ HOLDFAST_GUARDED_BY(mutex_);
  size_t unwritten_ HOLDFAST_GUARDED_BY(mutex_) = 0;
  bool stopping_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace holdfast
