// Keeps the commit mark of an open store: told by the store thread what is committed, by the syncer
// what is on stable storage, and by the files which logs are about to go. Written at most once a
// second, only what has changed; whole again when the file has grown.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "format/commit_mark.h"
#include "format/registry_records.h"
#include "locks/mutex.h"
#include "store/database.h"

namespace holdfast {

// What a committed group did to a family's part of the mark.
struct MarkChange {
  enum class Kind : uint8_t { kOwned, kReached, kDropGeneration, kDropLocation, kReleased };
  Kind kind = Kind::kReached;
  uint32_t family = 0;  // its number
  LocationMark at;      // the part of it that the kind needs
  OwnerRecord owner;    // of kOwned
};

class CommitMarker {
 public:
  // Keeps its argument, which must outlive it.
  explicit CommitMarker(Database& database) : database_(database) {}

  // After recovery, before the first write: writes the mark anew. What is on the disk by then
  // counts as synced. A mark that cannot be written is deleted, and tried again later.
  void start(std::map<uint32_t, FamilyMark> families);

  // The store thread.
  void committed(uint64_t sequence, bool synced, const std::vector<MarkChange>& changes);

  // The syncer, under a lease. Everything committed until now; that it is on stable storage.
  uint64_t committed() const;
  void synced(uint64_t sequence);
  // Writes what is new if a second has passed, or `now`.
  void write(bool now);

 private:
  using Clock = std::chrono::steady_clock;
  void apply(const MarkChange& change) HOLDFAST_REQUIRES(mutex_);
  void logDeleted(uint64_t number);
  void noteLog();
  void noteEnd();
  void noteManifest();
  rocksdb::IOStatus writeFrame(bool durable) HOLDFAST_REQUIRES(fileMutex_);
  rocksdb::IOStatus writeWhole() HOLDFAST_REQUIRES(fileMutex_);
  void keepOrForget(const rocksdb::IOStatus& status) HOLDFAST_REQUIRES(fileMutex_);

  Database& database_;
  mutable Mutex mutex_;  // of the mark
  CommitMark mark_ HOLDFAST_GUARDED_BY(mutex_);
  std::unordered_set<uint32_t> changed_ HOLDFAST_GUARDED_BY(mutex_);  // families
  std::set<uint64_t> gone_ HOLDFAST_GUARDED_BY(mutex_);               // logs that were deleted
  uint64_t firstLog_ = 0;  // of this run; start() sets it
  bool news_ HOLDFAST_GUARDED_BY(mutex_) = false;

  Mutex fileMutex_;  // held first
  std::unique_ptr<rocksdb::FSWritableFile> file_ HOLDFAST_GUARDED_BY(fileMutex_);
  uint64_t bytes_ HOLDFAST_GUARDED_BY(fileMutex_) = 0;       // of the file
  uint64_t wholeBytes_ HOLDFAST_GUARDED_BY(fileMutex_) = 0;  // of it when it was written anew
  Clock::time_point next_;                                   // the syncer's
};

}  // namespace holdfast
