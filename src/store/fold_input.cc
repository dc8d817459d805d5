#include "store/fold_input.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "format/content_cursor.h"
#include "format/iterate.h"
#include "format/keys.h"
#include "format/slices.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

// The rows of a snapshot whose keys have a prefix, and no others: what is behind them may be much
// that was deleted.
class SnapshotRows {
 public:
  SnapshotRows(const FoldSource& source, const StoreKey& prefix)
      : end_(prefix.end()), endSlice_(slice(end_)), rows_(iterator(source, &endSlice_)) {}
  SnapshotRows(const SnapshotRows&) = delete;
  SnapshotRows& operator=(const SnapshotRows&) = delete;

  FamilyRows& rows() { return rows_; }

 private:
  static std::unique_ptr<rocksdb::Iterator> iterator(const FoldSource& source,
                                                     const rocksdb::Slice* end) {
    rocksdb::ReadOptions options;
    options.snapshot = source.snapshot;
    options.iterate_upper_bound = end;
    options.fill_cache = false;
    return iterate(source.db, source.family, options);
  }

  const StoreKey end_;
  const rocksdb::Slice endSlice_;
  FamilyRows rows_;
};

// Anything that is not as it must be ends a fold.
class FoldFaults : public ContentListener {
 public:
  bool fault(const ContentFault& fault) override {
    using Kind = ContentFault::Kind;
    // What was folded before, and what came after the fold was asked for.
    if (fault.kind == Kind::kLeftBehind || fault.kind == Kind::kUnknownStream) return true;
    if (std::holds_alternative<SegmentKey>(fault.at)) {
      error = unavailable("a segment is damaged");
    } else if (std::holds_alternative<BatchKey>(fault.at)) {
      error = unavailable(fault.kind == Kind::kMissing ? "a batch of the full sync is missing"
                                                       : "a batch of the full sync is damaged");
    } else {
      error = unavailable(fault.kind == Kind::kGap ? "the journal has a hole"
                                                   : "a journal record is damaged");
    }
    return false;
  }
  std::optional<Error> error;
};

class SegmentKeys : public SortedKeys {
 public:
  SegmentKeys(const FoldSource& source, const FoldRequest& request)
      : source_(source),
        rows_(source, segmentsPrefix(request.location, request.live.generation, request.live.fold)),
        cursor_(rows_.rows(), request.location, request.live, memory_, faults_) {}

  std::span<const ChunkHash> next() override {
    error_ = source_.interrupted();
    if (error_) return {};
    const auto keys = cursor_.next();
    if (keys) return *keys;
    error_ = faults_.error ? faults_.error : rows_.rows().error();
    return {};
  }

 private:
  const FoldSource& source_;
  SnapshotRows rows_;
  ReusedMemory memory_;
  FoldFaults faults_;
  SegmentCursor cursor_;
};

// Batches are in no order: each run is the smallest keys that were not given yet, found by reading
// all of them. So memory is bounded, and the usual sync is read once.
class BatchKeys : public SortedKeys {
 public:
  BatchKeys(const FoldSource& source, const FoldRequest& request, size_t keysMax)
      : source_(source),
        request_(request),
        rows_(source, batchesPrefix(request.location, request.live.generation)),
        keysMax_(keysMax) {
    HOLDFAST_CHECK(keysMax >= 2, "a fold of %zu keys at once", keysMax);
    run_.reserve(std::min<uint64_t>(keysMax, request.live.baseCount));
  }

  std::span<const ChunkHash> next() override {
    if (complete_) return {};
    const bool first = least_ == 0;
    uint64_t stored = 0;
    gather(stored);
    if (error_) return {};
    if (first) stored_ = stored;
    std::sort(run_.begin(), run_.end());
    run_.erase(std::unique(run_.begin(), run_.end()), run_.end());
    given_ += run_.size();
    if (run_.empty() || run_.back() == kLast || bound_ == kLast) {
      complete_ = true;
      if (given_ != stored_) {
        error_ = unavailable("the batches of the full sync repeat keys");
        return {};
      }
    } else {
      least_ = run_.back() + 1;
    }
    return run_;
  }

 private:
  static constexpr ChunkHash kLast = std::numeric_limits<ChunkHash>::max();

  // Into run_, from least_ to what turns out to be bound_. `stored` counts all keys.
  void gather(uint64_t& stored) {
    run_.clear();
    bound_ = kLast;
    FoldFaults faults;
    BatchCursor cursor(rows_.rows(), request_.location, request_.live, memory_, faults);
    for (;;) {
      error_ = source_.interrupted();
      if (error_) return;
      const auto batch = cursor.next();
      if (!batch) break;
      stored += batch->keys.size();
      for (const ChunkHash key : batch->keys) {
        if (key < least_ || key > bound_) continue;
        run_.push_back(key);
        if (run_.size() == keysMax_) keepSmallerHalf();
      }
    }
    error_ = faults.error ? faults.error : rows_.rows().error();
  }

  void keepSmallerHalf() {
    const auto last = run_.begin() + static_cast<long>(keysMax_ / 2) - 1;
    std::nth_element(run_.begin(), last, run_.end());
    bound_ = *last;
    run_.erase(last + 1, run_.end());
  }

  const FoldSource& source_;
  const FoldRequest request_;
  SnapshotRows rows_;
  ReusedMemory memory_;
  const size_t keysMax_;
  std::vector<ChunkHash> run_;
  ChunkHash least_ = 0;
  ChunkHash bound_ = 0;
  uint64_t stored_ = 0;
  uint64_t given_ = 0;
  bool complete_ = false;
};

}  // namespace

std::optional<Error> FoldJournal::read(const FoldSource& source, const FoldRequest& request) {
  const LivePart& live = request.live;
  lastSeq_ = live.baseSeq;
  SnapshotRows rows(source, journalPrefix(request.location, live.generation));
  ReusedMemory memory;
  FoldFaults faults;
  JournalCursor cursor(rows.rows(), request.location, live, memory, faults);
  while (const auto entry = cursor.next()) {
    const Operations& operations = entry->operations;
    const bool inBase = entry->stream < live.stream;
    if (!inBase) {
      lastSeq_ += operations.size();
      after_.reset();
      if (entry->counted) after_ = {entry->countAfter, entry->digestAfter};
    }
    for (size_t i = 0; i < operations.size(); ++i) {
      changes_.push_back({operations.keys[i], changes_.size() & Change::kPositionsMax,
                          operations.evicts.test(i), inBase});
    }
  }
  if (faults.error) return faults.error;
  if (auto error = rows.rows().error()) return error;
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return a.key != b.key ? a.key < b.key : a.position < b.position;
  });
  return std::nullopt;
}

std::unique_ptr<SortedKeys> liveKeys(const FoldSource& source, const FoldRequest& request,
                                     size_t keysMax) {
  if (request.live.fold == 0) return std::make_unique<BatchKeys>(source, request, keysMax);
  return std::make_unique<SegmentKeys>(source, request);
}

}  // namespace holdfast
