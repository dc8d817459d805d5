#include "store/live_keys.h"

#include <algorithm>
#include <utility>

#include "core/check.h"
#include "format/contents.h"
#include "format/words.h"
#include "store/worker_head.h"

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
      segments_(reader.rows(family, kReadaheadBytes)),
      slice_(range) {
  HOLDFAST_CHECK(changesMax >= 2, "%zu changes at once", changesMax);
  run_.reserve(kRunKeys);
}

bool LiveKeys::fail(const std::string& what) {
  error_ = what + " of " + describe(location_) + " cannot be read";
  done_ = true;
  return false;
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
  const StoreKey prefix = batchesPrefix(location_.id, location_.live.generation);
  for (unordered_.seek(prefix); unordered_.at(prefix); unordered_.next()) {
    const auto words = alignedWords(unordered_.value(), scratch_);
    const auto keys = words ? decodeBatch(*words) : std::nullopt;
    if (!keys) return fail("a batch");
    for (const ChunkHash key : *keys) add(key, order++ << 1);
  }
  if (const std::string error = unordered_.error(); !error.empty()) {
    return fail("a batch (" + error + ")");
  }
  return true;
}

bool LiveKeys::gatherJournal(uint64_t& order) {
  const LivePart& live = location_.live;
  const StoreKey prefix = journalPrefix(location_.id, live.generation);
  for (unordered_.seek(prefix); unordered_.at(prefix); unordered_.next()) {
    const auto key = parseJournalKey(unordered_.key());
    const auto words = alignedWords(unordered_.value(), scratch_);
    const auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!key || !entry) return fail("a journal record");
    // In the segments already.
    if (key->stream == live.stream && key->firstSeq <= live.baseSeq) continue;
    const Operations& operations = entry->operations;
    for (size_t i = 0; i < operations.size(); ++i) {
      add(operations.keys[i], (order++ << 1) | (operations.evicts.test(i) ? 1u : 0u));
    }
  }
  if (const std::string error = unordered_.error(); !error.empty()) {
    return fail("a journal record (" + error + ")");
  }
  return true;
}

const ChunkHash* LiveKeys::segmentKey() {
  if (location_.live.fold == 0) return nullptr;
  const StoreKey prefix =
      segmentsPrefix(location_.id, location_.live.generation, location_.live.fold);
  while (segment_.empty()) {
    if (!segmentsBegun_) {
      segments_.seek(prefix);
      segmentsBegun_ = true;
    } else if (segments_.at(prefix)) {
      segments_.next();
    }
    if (const std::string error = segments_.error(); !error.empty()) {
      fail("segment " + std::to_string(segmentNumber_) + " (" + error + ")");
      return nullptr;
    }
    if (!segments_.at(prefix)) return nullptr;
    const auto words = alignedWords(segments_.value(), segmentScratch_);
    const auto keys = words ? readSegment(*words, segmentKeys_) : std::nullopt;
    if (!keys) {
      fail("segment " + std::to_string(segmentNumber_));
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
  if (!error_.empty()) run_.clear();
  return run_;
}

}  // namespace holdfast
