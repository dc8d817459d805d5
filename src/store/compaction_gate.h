// An Env that holds compactions back until recovery has read every family.
//
// A compaction that meets a damaged block makes the whole store read-only, so none may start
// before recovery knows which families to keep from compaction. RocksDB has no switch for that:
// disabling compactions for a family rewrites the OPTIONS file, which takes too long for thousands
// of families. Compactions are the jobs of low and bottom priority; flushes are of high priority.
#pragma once

#include <rocksdb/env.h>

#include <memory>
#include <mutex>
#include <vector>

namespace holdfast {

class CompactionGate : public rocksdb::EnvWrapper {
 public:
  // Closed. `fileSystem` may be null: the operating system's.
  explicit CompactionGate(const std::shared_ptr<rocksdb::FileSystem>& fileSystem);

  // Lets through what was held back, and everything from now on.
  void open();

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
  std::mutex mutex_;
  bool open_ = false;
  std::vector<Job> held_;
};

}  // namespace holdfast
