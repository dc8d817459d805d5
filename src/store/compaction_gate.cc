#include "store/compaction_gate.h"

#include <rocksdb/file_system.h>

#include <utility>

namespace holdfast {
namespace {

// Below this the rest of the disk is for the log and for what is flushed.
constexpr uint64_t kReserveBytes = uint64_t{16} << 20;

std::shared_ptr<rocksdb::Env> baseEnv(const std::shared_ptr<rocksdb::FileSystem>& fileSystem) {
  // Not owned: the default Env lives as long as the process.
  if (!fileSystem) return {std::shared_ptr<void>(), rocksdb::Env::Default()};
  return rocksdb::NewCompositeEnv(fileSystem);
}

}  // namespace

CompactionGate::CompactionGate(const std::shared_ptr<rocksdb::FileSystem>& fileSystem,
                               std::string dataDir)
    : EnvWrapper(baseEnv(fileSystem)), dataDir_(std::move(dataDir)) {
  // Without this RocksDB would reach the files through an adapter that loses what its error
  // handling needs to know.
  file_system_ = target()->GetFileSystem();
  system_clock_ = target()->GetSystemClock();
}

bool CompactionGate::full() const {
  uint64_t bytes = 0;
  return file_system_->GetFreeSpace(dataDir_, rocksdb::IOOptions(), &bytes, nullptr).ok() &&
         bytes < kReserveBytes;
}

void CompactionGate::open() {
  {
    const MutexLock lock(mutex_);
    open_ = true;
  }
  letThrough();
}

void CompactionGate::letThrough() {
  if (full()) return;
  std::vector<Job> jobs;
  {
    const MutexLock lock(mutex_);
    if (open_) jobs = std::exchange(held_, {});
  }
  for (const Job& job : jobs) {
    target()->Schedule(job.function, job.argument, job.priority, job.tag, job.unschedule);
  }
}

void CompactionGate::Schedule(void (*function)(void*), void* argument, Priority priority, void* tag,
                              void (*unschedule)(void*)) {
  if (priority == Priority::LOW || priority == Priority::BOTTOM) {
    const bool noSpace = full();
    const MutexLock lock(mutex_);
    if (!open_ || noSpace) {
      held_.push_back({function, argument, priority, tag, unschedule});
      return;
    }
  }
  target()->Schedule(function, argument, priority, tag, unschedule);
}

int CompactionGate::UnSchedule(void* tag, Priority priority) {
  std::vector<Job> dropped;
  {
    const MutexLock lock(mutex_);
    std::vector<Job> kept;
    for (const Job& job : held_) {
      (job.tag == tag && job.priority == priority ? dropped : kept).push_back(job);
    }
    held_ = std::move(kept);
  }
  for (const Job& job : dropped) {
    if (job.unschedule != nullptr) job.unschedule(job.argument);
  }
  return static_cast<int>(dropped.size()) + target()->UnSchedule(tag, priority);
}

}  // namespace holdfast
