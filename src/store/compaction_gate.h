// An Env that holds compactions back until recovery has read every family, and while the disk is
// almost full.
//
// A compaction that meets a damaged block makes the whole store read-only, so none may start
// before recovery knows which families to keep from compaction. RocksDB has no switch for that:
// disabling compactions for a family rewrites the OPTIONS file, which takes too long for thousands
// of families. And a compaction that has nothing left to write, as after dropped journals, runs
// into an assertion of RocksDB (Debian's build) if the disk is too full to finish its empty file.
// Compactions are the jobs of low and bottom priority; flushes are of high priority.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <string>
#include <vector>

#include "locks/mutex.h"

namespace holdfast {

class CompactionGate : public rocksdb::EnvWrapper {
 public:
  // Closed. `fileSystem` may be null: the operating system's. `dataDir` is on the disk in question.
  CompactionGate(const std::shared_ptr<rocksdb::FileSystem>& fileSystem, std::string dataDir);

  // From now on compactions run while there is space. Any thread.
  void open();
  // Lets through what was held back if there is space now. Called every few seconds, any thread.
  void letThrough();

  void Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                void (*unschedule)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;

 private:
  struct Job {
    void (*function)(void*);
    void* argument;
    Priority priority;
    void* tag;
    void (*unschedule)(void*);
  };
  bool full() const;

  const std::string dataDir_;
  Mutex mutex_;
  bool open_ HOLDFAST_GUARDED_BY(mutex_) = false;
  std::vector<Job> held_ HOLDFAST_GUARDED_BY(mutex_);
};

}  // namespace holdfast
