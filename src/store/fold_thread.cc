#include "store/fold_thread.h"

#include <rocksdb/snapshot.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "store/record_codec.h"

namespace holdfast {
namespace {

// How often a waiting fold looks whether the database is to be closed.
constexpr std::chrono::milliseconds kPatience{20};

// The last operation on a key in the journal: evict in the lowest bit of `order`.
struct Change {
  ChunkHash key;
  uint64_t order;
  bool evict() const { return (order & 1) != 0; }
};

// The journal above the live base of one location, and where it ends.
struct Journal {
  std::vector<Change> changes;  // by key, the last of each
  uint64_t baseSeq = 0;
  uint64_t count = 0;
  KeyDigest digest;
};

struct Reader {
  rocksdb::DB& db;
  rocksdb::ColumnFamilyHandle* family;
  const rocksdb::Snapshot* snapshot;

  // Positioned at the first key of [begin, end). The bounds must outlive it.
  std::unique_ptr<rocksdb::Iterator> range(const StoreKey& begin, const rocksdb::Slice& end) const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot;
    options.iterate_upper_bound = &end;
    options.fill_cache = false;
    std::unique_ptr<rocksdb::Iterator> rows(db.NewIterator(options, family));
    rows->Seek(rocksdb::Slice(begin.view().data(), begin.view().size()));
    return rows;
  }
};

rocksdb::Slice slice(const StoreKey& key) {
  return {key.view().data(), key.view().size()};
}

std::string readJournal(const Reader& reader, const FoldRequest& request, Journal& journal) {
  const LivePart& live = request.live;
  journal.baseSeq = live.baseSeq;
  journal.count = live.baseCount;
  journal.digest = live.baseDigest;
  const StoreKey begin = journalPrefix(request.location, live.generation);
  const StoreKey end = begin.end();
  const rocksdb::Slice endSlice = slice(end);
  const auto rows = reader.range(begin, endSlice);
  std::vector<uint64_t> scratch;
  uint64_t order = 0;
  for (; rows->Valid(); rows->Next()) {
    const auto key = parseJournalKey(rows->key().ToStringView());
    const auto words = alignedWords(rows->value().ToStringView(), scratch);
    const auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!key || !entry) return "a journal record is damaged";
    if (key->stream > live.stream) break;
    const Operations& operations = entry->operations;
    if (key->stream == live.stream) {
      if (key->firstSeq <= live.baseSeq) continue;
      if (key->firstSeq != journal.baseSeq + 1) return "the journal has a hole";
      journal.baseSeq += operations.size();
      journal.count = entry->countAfter;
      journal.digest = entry->digestAfter;
    }
    for (size_t i = 0; i < operations.size(); ++i) {
      journal.changes.push_back(
          {operations.keys[i], (order++ << 1) | (operations.evicts.test(i) ? 1u : 0u)});
    }
  }
  if (!rows->status().ok()) return rows->status().ToString();
  auto& changes = journal.changes;
  std::sort(changes.begin(), changes.end(), [](const Change& a, const Change& b) {
    return a.key != b.key ? a.key < b.key : a.order > b.order;
  });
  changes.erase(std::unique(changes.begin(), changes.end(),
                            [](const Change& a, const Change& b) { return a.key == b.key; }),
                changes.end());
  return "";
}

}  // namespace

FoldThread::FoldThread(Database& database, Writer writer)
    : database_(database), writer_(std::move(writer)) {}

FoldThread::~FoldThread() {
  stop();
}

void FoldThread::start() {
  thread_ = std::thread([this] { run(); });
}

void FoldThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    jobs_.clear();
    wakened_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void FoldThread::submit(std::shared_ptr<FoldJob> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  wakened_.notify_all();
}

void FoldThread::written() {
  const std::lock_guard lock(mutex_);
  --unwritten_;
  wakened_.notify_all();
}

void FoldThread::run() {
  // Folds have time; look-ups and commits have not.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), 15);
  for (;;) {
    std::shared_ptr<FoldJob> job;
    {
      std::unique_lock lock(mutex_);
      wakened_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    FoldWrite last = fold(job);
    last.job = job;
    last.last = true;
    last.clear = last.clear || !last.result.ok;
    last.result.id = job->request.id;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      ++unwritten_;
    }
    writer_(std::move(last));
  }
}

bool FoldThread::write(FoldWrite write) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return false;
    ++unwritten_;
  }
  writer_(std::move(write));
  std::unique_lock lock(mutex_);
  // Bounded memory: the next segment is built when this one is written.
  while (unwritten_ > 0 && !stopping_) {
    wakened_.wait_for(lock, kPatience);
    if (unwritten_ > 0 && database_.leavesWanted()) return false;
  }
  return !stopping_;
}

FoldWrite FoldThread::fold(const std::shared_ptr<FoldJob>& job) {
  const FoldRequest& request = job->request;
  FoldWrite outcome;
  const auto failed = [&](std::string why) {
    outcome.result.ok = false;
    outcome.result.error = std::move(why);
    return std::move(outcome);
  };
  static constexpr const char* kBrokenOff = "the fold was broken off; ask again";
  const auto lease = database_.lease();
  if (!lease) return failed(kBrokenOff);

  rocksdb::ManagedSnapshot snapshot(database_.db());
  // Only now: a drop that is not seen here is committed after the snapshot.
  if (job->cancelled()) return failed("what was to be folded has been dropped");
  const Reader reader{*database_.db(), database_.handle(job->family), snapshot.snapshot()};
  Journal journal;
  if (std::string error = readJournal(reader, request, journal); !error.empty()) {
    return failed(error);
  }

  std::vector<ChunkHash> segment;
  segment.reserve(kSegmentKeysMax);
  uint32_t segments = 0;
  uint64_t count = 0;
  KeyDigest digest;
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
  const auto emit = [&](ChunkHash key) {
    segment.push_back(key);
    digest.add(key);
    ++count;
    return segment.size() < kSegmentKeysMax || flush();
  };

  auto change = journal.changes.begin();
  const auto lastChange = journal.changes.end();
  const StoreKey begin =
      segmentsPrefix(request.location, request.live.generation, request.live.fold);
  const StoreKey end = begin.end();
  const rocksdb::Slice endSlice = slice(end);
  const auto rows = reader.range(begin, endSlice);
  std::vector<uint64_t> scratch;
  std::optional<ChunkHash> before;
  for (; rows->Valid() && request.live.fold != 0; rows->Next()) {
    const auto words = alignedWords(rows->value().ToStringView(), scratch);
    const auto old = words ? decodeSegment(*words) : std::nullopt;
    if (!old || (before && *before >= old->keys.front())) return failed("a segment is damaged");
    before = old->keys.back();
    for (const ChunkHash key : old->keys) {
      while (change != lastChange && change->key < key) {
        if (!change->evict() && !emit(change->key)) return failed(kBrokenOff);
        ++change;
      }
      bool kept = true;
      if (change != lastChange && change->key == key) kept = !(change++)->evict();
      if (kept && !emit(key)) return failed(kBrokenOff);
    }
    if (job->cancelled()) return failed("what was to be folded has been dropped");
    if (database_.leavesWanted()) return failed(kBrokenOff);
  }
  if (!rows->status().ok()) return failed(rows->status().ToString());
  for (; change != lastChange; ++change) {
    if (!change->evict() && !emit(change->key)) return failed(kBrokenOff);
  }
  if (!segment.empty() && !flush()) return failed(kBrokenOff);
  if (count != journal.count || !(digest == journal.digest)) {
    return failed("the stored content has " + std::to_string(count) + " keys, the journal says " +
                  std::to_string(journal.count) +
                  (count == journal.count ? ", and their digests differ" : ""));
  }
  outcome.clear = segments == 0;
  outcome.result.ok = true;
  outcome.result.baseSeq = journal.baseSeq;
  outcome.result.baseCount = count;
  outcome.result.baseDigest = digest;
  return outcome;
}

}  // namespace holdfast
