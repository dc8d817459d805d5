// Copies checkpoints beside the store thread, one at a time.
#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "store/checkpoint.h"
#include "store/completions.h"
#include "store/database.h"

namespace holdfast {

class CheckpointThread {
 public:
  // Keeps all of them, which must outlive it.
  CheckpointThread(const StoreOptions& options, Database& database, Completions& completions)
      : options_(options), database_(database), completions_(completions) {}
  ~CheckpointThread() { stop(); }
  CheckpointThread(const CheckpointThread&) = delete;
  CheckpointThread& operator=(const CheckpointThread&) = delete;

  // The store thread: notes what is written so far and has it copied to `path`. The answer goes to
  // the completions, also that it cannot be done. None may be under way.
  void take(const CheckpointRequest& request);
  // Breaks off what is under way.
  void stop();

 private:
  void copy(Checkpoint& checkpoint);

  const StoreOptions& options_;
  Database& database_;
  Completions& completions_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace holdfast
