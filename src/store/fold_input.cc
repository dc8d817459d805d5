#include "store/fold_input.h"

#include <algorithm>
#include <limits>

#include "core/check.h"
#include "format/contents.h"
#include "format/iterate.h"
#include "format/keys.h"
#include "format/slices.h"
#include "format/words.h"

namespace holdfast {
namespace {

// The rows of a snapshot whose keys have a prefix.
class Rows {
 public:
  Rows(const FoldSource& source, const StoreKey& prefix) : begin_(prefix), end_(prefix.end()) {
    rocksdb::ReadOptions options;
    options.snapshot = source.snapshot;
    options.iterate_upper_bound = &endSlice_;
    options.fill_cache = false;
    rows_ = iterate(source.db, source.family, options);
    rewind();
  }
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  void rewind() { rows_->Seek(slice(begin_)); }
  bool valid() const { return rows_->Valid(); }
  void next() { rows_->Next(); }
  std::string_view key() const { return rows_->key().ToStringView(); }
  // Nothing if it is not whole words. Stands until next().
  std::optional<std::span<const uint64_t>> words() {
    return alignedWords(rows_->value().ToStringView(), scratch_);
  }
  // Why it ended before its end; empty: it did not.
  std::string error() const { return rows_->status().ok() ? "" : rows_->status().ToString(); }

 private:
  const StoreKey begin_;
  const StoreKey end_;
  const rocksdb::Slice endSlice_ = slice(end_);
  std::unique_ptr<rocksdb::Iterator> rows_;
  std::vector<uint64_t> scratch_;
};

class SegmentKeys : public SortedKeys {
 public:
  SegmentKeys(const FoldSource& source, const FoldRequest& request)
      : source_(source),
        rows_(source,
              segmentsPrefix(request.location, request.live.generation, request.live.fold)) {}

  std::span<const ChunkHash> next() override {
    if (begun_ && rows_.valid()) rows_.next();
    begun_ = true;
    error_ = source_.interrupted();
    if (error_.empty()) error_ = rows_.error();
    if (!error_.empty() || !rows_.valid()) return {};
    const auto words = rows_.words();
    const auto keys = words ? readSegment(*words, keys_) : std::nullopt;
    if (!keys || (before_ && *before_ >= keys->front())) {
      error_ = "a segment is damaged";
      return {};
    }
    before_ = keys->back();
    return *keys;
  }

 private:
  const FoldSource& source_;
  Rows rows_;
  bool begun_ = false;
  std::optional<ChunkHash> before_;
  std::vector<ChunkHash> keys_;
};

// Batches are in no order: each run is the smallest keys that were not given yet, found by reading
// all of them. So memory is bounded, and the usual sync is read once.
class BatchKeys : public SortedKeys {
 public:
  BatchKeys(const FoldSource& source, const FoldRequest& request, size_t keysMax)
      : source_(source),
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
    if (!error_.empty()) return {};
    if (first) stored_ = stored;
    std::sort(run_.begin(), run_.end());
    run_.erase(std::unique(run_.begin(), run_.end()), run_.end());
    given_ += run_.size();
    if (run_.empty() || run_.back() == kLast || bound_ == kLast) {
      complete_ = true;
      if (given_ != stored_) {
        error_ = "the batches of the full sync repeat keys";
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
    for (rows_.rewind(); rows_.valid(); rows_.next()) {
      error_ = source_.interrupted();
      if (!error_.empty()) return;
      const auto words = rows_.words();
      const auto keys = words ? decodeBatch(*words) : std::nullopt;
      if (!keys) {
        error_ = "a batch of the full sync is damaged";
        return;
      }
      stored += keys->size();
      for (const ChunkHash key : *keys) {
        if (key < least_ || key > bound_) continue;
        run_.push_back(key);
        if (run_.size() == keysMax_) keepSmallerHalf();
      }
    }
    error_ = rows_.error();
  }

  void keepSmallerHalf() {
    const auto last = run_.begin() + static_cast<long>(keysMax_ / 2) - 1;
    std::nth_element(run_.begin(), last, run_.end());
    bound_ = *last;
    run_.erase(last + 1, run_.end());
  }

  const FoldSource& source_;
  Rows rows_;
  const size_t keysMax_;
  std::vector<ChunkHash> run_;
  ChunkHash least_ = 0;
  ChunkHash bound_ = 0;
  uint64_t stored_ = 0;
  uint64_t given_ = 0;
  bool complete_ = false;
};

}  // namespace

std::string FoldJournal::read(const FoldSource& source, const FoldRequest& request) {
  const LivePart& live = request.live;
  lastSeq_ = live.baseSeq;
  Rows rows(source, journalPrefix(request.location, live.generation));
  for (; rows.valid(); rows.next()) {
    const auto key = parseJournalKey(rows.key());
    const auto words = rows.words();
    const auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!key || !entry) return "a journal record is damaged";
    if (key->stream > live.stream) break;
    const Operations& operations = entry->operations;
    const bool inBase = key->stream < live.stream;
    if (!inBase) {
      if (key->firstSeq <= live.baseSeq) continue;
      if (key->firstSeq != lastSeq_ + 1) return "the journal has a hole";
      lastSeq_ += operations.size();
      after_.reset();
      if (entry->counted) after_ = {entry->countAfter, entry->digestAfter};
    }
    for (size_t i = 0; i < operations.size(); ++i) {
      changes_.push_back({operations.keys[i], changes_.size(), operations.evicts.test(i), inBase});
    }
  }
  if (std::string error = rows.error(); !error.empty()) return error;
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return a.key != b.key ? a.key < b.key : a.position < b.position;
  });
  return "";
}

std::unique_ptr<SortedKeys> liveKeys(const FoldSource& source, const FoldRequest& request,
                                     size_t keysMax) {
  if (request.live.fold == 0) return std::make_unique<BatchKeys>(source, request, keysMax);
  return std::make_unique<SegmentKeys>(source, request);
}

}  // namespace holdfast
