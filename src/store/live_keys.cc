#include "store/live_keys.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "format/family_head.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr size_t kReadaheadBytes = size_t{1} << 20;
constexpr size_t kRunKeys = 16384;

}  // namespace

LiveKeys::LiveKeys(const StoreReader& reader, size_t family, LocationRecord location,
                   KeyRange range, size_t changesMax)
    : location_(std::move(location)),
      range_(range),
      changesMax_(changesMax),
      unordered_(reader.rows(family, kReadaheadBytes)),
      segmentRows_(reader.rows(family, kReadaheadBytes)),
      faults_(location_),
      segments_(segmentRows_, location_.id, location_.live, segmentMemory_, faults_),
      slice_(range) {
  HOLDFAST_CHECK(changesMax >= 2, "%zu changes at once", changesMax);
  run_.reserve(kRunKeys);
}

bool LiveKeys::Faults::fault(const ContentFault& fault) {
  using Kind = ContentFault::Kind;
  if (fault.kind == Kind::kMissing || fault.kind == Kind::kGap || fault.kind == Kind::kLeftBehind) {
    return true;
  }
  if (const auto* segment = std::get_if<SegmentKey>(&fault.at)) {
    unreadable("segment " + std::to_string(segment->n));
  } else {
    unreadable(std::holds_alternative<BatchKey>(fault.at) ? "a batch" : "a journal record");
  }
  return false;
}

void LiveKeys::Faults::unreadable(const std::string& what) {
  error = unavailable(what + " of " + describe(location_) + " cannot be read");
}

// After a cursor has ended.
bool LiveKeys::readable(FamilyRows& rows, const std::string& what) {
  if (const auto error = rows.error()) faults_.unreadable(what + " (" + error->message + ")");
  if (faults_.error) done_ = true;
  return !done_;
}

void LiveKeys::add(ChunkHash key, uint64_t order) {
  if (!slice_.contains(key)) return;
  if (changes_.size() == changesMax_) {
    keepLast();
    // Most of them are of different keys: what is above the middle waits for the next slice.
    if (changes_.size() > changesMax_ / 2) {
      changes_.resize(std::max<size_t>(changesMax_ / 2, 1));
      slice_.to = changes_.back().key;
      if (key > slice_.to) return;
    }
  }
  changes_.push_back({key, order});
}

// By key, the last operation of each.
void LiveKeys::keepLast() {
  std::sort(changes_.begin(), changes_.end(), [](const Change& a, const Change& b) {
    return a.key != b.key ? a.key < b.key : a.order > b.order;
  });
  changes_.erase(std::unique(changes_.begin(), changes_.end(),
                             [](const Change& a, const Change& b) { return a.key == b.key; }),
                 changes_.end());
}

// The changes of the slice, which may turn out to be smaller than it was.
bool LiveKeys::gather() {
  changes_.clear();
  nextChange_ = 0;
  uint64_t order = 0;
  if (location_.live.fold == 0 && !gatherBatches(order)) return false;
  if (!gatherJournal(order)) return false;
  keepLast();
  return true;
}

bool LiveKeys::gatherBatches(uint64_t& order) {
  BatchCursor cursor(unordered_, location_.id, location_.live, memory_, faults_);
  while (const auto batch = cursor.next()) {
    for (const ChunkHash key : batch->keys) add(key, order++ << 1);
  }
  return readable(unordered_, "a batch");
}

bool LiveKeys::gatherJournal(uint64_t& order) {
  JournalCursor cursor(unordered_, location_.id, location_.live, memory_, faults_);
  while (const auto entry = cursor.next()) {
    const Operations& operations = entry->operations;
    for (size_t i = 0; i < operations.size(); ++i) {
      add(operations.keys[i], (order++ << 1) | (operations.evicts.test(i) ? 1u : 0u));
    }
  }
  return readable(unordered_, "a journal record");
}

const ChunkHash* LiveKeys::segmentKey() {
  if (location_.live.fold == 0 || segmentsEnded_) return nullptr;
  while (segment_.empty()) {
    const auto keys = segments_.next();
    if (!keys) {
      segmentsEnded_ = true;
      (void)readable(segmentRows_, "segment " + std::to_string(segmentNumber_));
      return nullptr;
    }
    ++segmentNumber_;
    segment_ = keys->subspan(static_cast<size_t>(
        std::lower_bound(keys->begin(), keys->end(), range_.from) - keys->begin()));
  }
  return segment_.front() <= range_.to ? &segment_.front() : nullptr;
}

std::span<const ChunkHash> LiveKeys::next() {
  run_.clear();
  while (!done_ && run_.size() < kRunKeys) {
    if (!gathered_ && !gather()) break;
    gathered_ = true;
    const ChunkHash* key = segmentKey();
    if (done_) break;
    if (nextChange_ < changes_.size()) {
      const Change& change = changes_[nextChange_];
      if (key != nullptr && *key < change.key) {
        run_.push_back(*key);
        segment_ = segment_.subspan(1);
        continue;
      }
      if (key != nullptr && *key == change.key) segment_ = segment_.subspan(1);
      if (!change.evict()) run_.push_back(change.key);
      ++nextChange_;
    } else if (key != nullptr && *key <= slice_.to) {
      run_.push_back(*key);
      segment_ = segment_.subspan(1);
    } else if (slice_.to < range_.to) {
      slice_ = {slice_.to + 1, range_.to};
      gathered_ = false;
    } else {
      done_ = true;
    }
  }
  if (faults_.error) run_.clear();
  return run_;
}

}  // namespace holdfast
