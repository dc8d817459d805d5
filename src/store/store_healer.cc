#include "store/store_healer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/check.h"
#include "format/slices.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr uint32_t kBackoffDoublings = 3;

}  // namespace

StoreHealer::StoreHealer(const StoreOptions& options, Database& database, Completions& completions,
                         const StoreOwners& owners)
    : options_(options), database_(database), completions_(completions), owners_(owners) {}

void StoreHealer::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, message);
}

void StoreHealer::stop() {
  const MutexLock lock(mutex_);
  if (!stopping_) deadline_ = std::chrono::steady_clock::now() + options_.closeTimeMax;
  stopping_ = true;
  stopWanted_.notifyAll();
}

// False after the deadline of stop().
bool StoreHealer::pause(std::chrono::milliseconds time) {
  const MutexLock lock(mutex_);
  auto until = std::chrono::steady_clock::now() + time;
  while (!stopping_ && stopWanted_.waitUntil(mutex_, until)) {
  }
  if (!stopping_) return true;
  until = std::min(until, deadline_);
  while (stopWanted_.waitUntil(mutex_, until)) {
  }
  return std::chrono::steady_clock::now() < deadline_;
}

std::optional<Error> StoreHealer::standStill(rocksdb::Status status, uint64_t committed) {
  for (;;) {
    const bool full = status.IsNoSpace();
    const std::string reason =
        "cannot write to the store in " + options_.dataDir + ": " + status.ToString() +
        (full ? "; free space on that disk" : "; check the disk, its mount and its permissions") +
        ". Writes wait and go on by themselves";
    if (failures_ == 0) log(LogLevel::kError, reason);
    completions_.health({false, reason});
    completions_.post();
    // The first attempt is made at once: some errors are gone by then. The last one, too, when this
    // thread is to end.
    const uint32_t doublings = std::min(failures_, kBackoffDoublings + 1);
    const bool ending = failures_++ > 0 && !pause(options_.retryInterval * (1 << (doublings - 1)));
    if (ending && std::exchange(triedLast_, true)) return unavailable(reason);
    // First without giving up what is open: folds can still read it.
    rocksdb::Status healed = database_.probe();
    if (healed.ok()) healed = database_.reopen();
    if (healed.IsCorruption())
      return fail("the store cannot be opened again: " + healed.ToString());
    if (!healed.ok()) {
      status = healed;
      continue;
    }
    const auto gone = missing(committed);
    if (!gone) return std::nullopt;
    return fail("the store in " + options_.dataDir +
                " has lost committed writes: " + gone->message);
  }
}

void StoreHealer::written() {
  if (failures_ == 0) return;
  failures_ = 0;
  log(LogLevel::kInfo, "the store in " + options_.dataDir + " accepts writes again");
  completions_.health({});
  completions_.post();
}

std::optional<Error> StoreHealer::missing(uint64_t committed) const {
  // One log, cut at one point: had anything committed been lost, this number would be lower,
  // unless later data had reached a table file before. The newest records tell that.
  const uint64_t latest = database_.db()->GetLatestSequenceNumber();
  if (latest < committed) {
    return unavailable("it ends at write " + std::to_string(latest) + " instead of " +
                       std::to_string(committed));
  }
  for (const StoreOwners::Owner& of : owners_.all()) {
    const auto gone = [&](const StoreKey& key) {
      rocksdb::PinnableSlice value;
      // What is there and cannot be read is damage, which recovery deals with.
      return database_.db()
          ->Get(rocksdb::ReadOptions(), database_.handle(of.family), slice(key), &value)
          .IsNotFound();
    };
    const std::string where =
        "instance " + of.record.instance + ", worker " + std::to_string(of.record.worker);
    for (const NewestRecords::Generation& newest : of.newest.generations()) {
      if (newest.journal && gone(journalKey(*newest.journal))) {
        return unavailable(where + ", seq " + std::to_string(newest.journal->firstSeq) +
                           " is not there");
      }
      if (newest.batch && gone(batchKey(*newest.batch))) {
        return unavailable(where + ", batch " + std::to_string(newest.batch->number) +
                           " of a full sync is not there");
      }
    }
  }
  return std::nullopt;
}

// The process must end and recover normally.
Error StoreHealer::fail(const std::string& what) {
  log(LogLevel::kError, what);
  completions_.health({false, what});
  completions_.post();
  HOLDFAST_CHECK(options_.fatal != nullptr, "%s", what.c_str());
  options_.fatal(what);
  return unavailable(what);
}

}  // namespace holdfast
