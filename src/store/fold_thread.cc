#include "store/fold_thread.h"

#include <rocksdb/snapshot.h>

#include <chrono>

#include "format/contents.h"
#include "os/give_way.h"
#include "store/fold_input.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

// How often a waiting fold looks whether the database is to be closed.
constexpr std::chrono::milliseconds kPatience{20};

constexpr const char* kBrokenOff = "the fold was broken off; ask again";
constexpr const char* kDropped = "what was to be folded has been dropped";

// An error if they are not the same.
std::optional<Error> compare(const KeyTally& found, const KeyTally& said, const char* who) {
  if (found == said) return std::nullopt;
  return unavailable("the stored content has " + std::to_string(found.count) + " keys, " + who +
                     " " + std::to_string(said.count) +
                     (found.count == said.count ? ", and their digests differ" : ""));
}

}  // namespace

FoldThread::FoldThread(const StoreOptions& options, Database& database, StoreMeter& meter,
                       Writer writer)
    : options_(options), database_(database), meter_(meter), writer_(std::move(writer)) {}

FoldThread::~FoldThread() {
  stop();
}

void FoldThread::start() {
  thread_ = std::thread([this] { run(); });
}

void FoldThread::stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    jobs_.clear();
    wakened_.notifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void FoldThread::submit(std::shared_ptr<FoldJob> job) {
  const MutexLock lock(mutex_);
  jobs_.push_back(std::move(job));
  wakened_.notifyAll();
}

void FoldThread::written() {
  const MutexLock lock(mutex_);
  --unwritten_;
  wakened_.notifyAll();
}

void FoldThread::run() {
  giveWay(kNiceOfFolds);
  for (;;) {
    std::shared_ptr<FoldJob> job;
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && jobs_.empty()) wakened_.wait(mutex_);
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    const auto begin = StoreMeter::Clock::now();
    FoldWrite last = fold(job);
    meter_.folded(begin);
    last.job = job;
    last.last = true;
    last.clear = last.clear || !last.result.ok;
    last.result.id = job->request.id;
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
      ++unwritten_;
    }
    writer_(std::move(last));
  }
}

bool FoldThread::write(FoldWrite write) {
  {
    const MutexLock lock(mutex_);
    if (stopping_) return false;
    ++unwritten_;
  }
  writer_(std::move(write));
  const MutexLock lock(mutex_);
  // Bounded memory: the next segment is built when this one is written.
  while (unwritten_ > 0 && !stopping_) {
    wakened_.waitUntil(mutex_, std::chrono::steady_clock::now() + kPatience);
    if (unwritten_ > 0 && database_.leavesWanted()) return false;
  }
  return !stopping_;
}

bool FoldThread::stopping() {
  const MutexLock lock(mutex_);
  return stopping_;
}

FoldWrite FoldThread::fold(const std::shared_ptr<FoldJob>& job) {
  const FoldRequest& request = job->request;
  FoldWrite outcome;
  const auto failed = [&](std::string why) {
    outcome.result.ok = false;
    outcome.result.error = std::move(why);
    return std::move(outcome);
  };
  const auto lease = database_.lease();
  if (!lease) return failed(kBrokenOff);

  rocksdb::ManagedSnapshot snapshot(database_.db());
  const FoldSource source{*database_.db(), database_.handle(job->family), snapshot.snapshot(),
                          [&]() -> std::optional<Error> {
                            if (job->cancelled()) return unavailable(kDropped);
                            if (!database_.leavesWanted() && !stopping()) return std::nullopt;
                            return unavailable(kBrokenOff);
                          }};
  // Only now: a drop that is not seen here is committed after the snapshot.
  if (const auto reason = source.interrupted()) return failed(reason->message);
  FoldJournal journal;
  if (const auto error = journal.read(source, request)) return failed(error->message);

  std::vector<ChunkHash> segment;
  segment.reserve(kSegmentKeysMax);
  uint32_t segments = 0;
  const auto flush = [&] {
    FoldWrite part;
    part.job = job;
    part.clear = segments == 0;
    part.puts.emplace_back(
        segmentKey({request.location, request.live.generation, request.newFold, segments++}),
        encodeSegment(segment));
    segment.clear();
    return write(std::move(part));
  };

  KeyTally base;
  KeyTally content;
  auto change = journal.changes().begin();
  const auto changesEnd = journal.changes().end();
  // What became of a key that was `held` in the segments, or not. False if it cannot be written.
  const auto settle = [&](ChunkHash key, bool held) {
    bool heldInBase = held;
    for (; change != changesEnd && change->key == key; ++change) {
      held = !change->evict;
      if (change->inBase) heldInBase = held;
    }
    if (heldInBase) base.add(key);
    if (!held) return true;
    content.add(key);
    segment.push_back(key);
    return segment.size() < kSegmentKeysMax || flush();
  };
  const auto live = liveKeys(source, request, options_.foldKeysMax);
  for (auto keys = live->next(); !keys.empty(); keys = live->next()) {
    for (const ChunkHash key : keys) {
      while (change != changesEnd && change->key < key) {
        if (!settle(change->key, false)) return failed(kBrokenOff);
      }
      if (!settle(key, true)) return failed(kBrokenOff);
    }
  }
  if (live->error()) return failed(live->error()->message);
  while (change != changesEnd) {
    if (!settle(change->key, false)) return failed(kBrokenOff);
  }
  if (!segment.empty() && !flush()) return failed(kBrokenOff);

  const KeyTally recorded{request.live.baseCount, request.live.baseDigest};
  auto error = compare(base, recorded, "its location's record says");
  if (!error && journal.after()) error = compare(content, *journal.after(), "the journal says");
  if (error) return failed(error->message);
  outcome.clear = segments == 0;
  outcome.result.ok = true;
  outcome.result.baseSeq = journal.lastSeq();
  outcome.result.baseCount = content.count;
  outcome.result.baseDigest = content.digest;
  return outcome;
}

}  // namespace holdfast
