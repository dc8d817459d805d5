#include "inspect/recount.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "core/index/key_set.h"
#include "core/index/prefetch.h"
#include "format/family_head.h"
#include "store/live_keys.h"

namespace holdfast::inspect {
namespace {

struct Tally {
  uint64_t count = 0;
  KeyDigest digest;

  Tally& operator+=(const Tally& other) {
    count += other.count;
    digest += other.digest;
    return *this;
  }
  friend bool operator==(const Tally&, const Tally&) = default;
  // Modulo 2^64 in each part.
  friend Tally operator-(const Tally& a, const Tally& b) {
    return {a.count - b.count, {a.digest.a - b.digest.a, a.digest.b - b.digest.b}};
  }
};

// What a location holds while it is counted.
class HeldKeys {
 public:
  explicit HeldKeys(uint64_t expected) { keys_.reserve(expected); }

  void apply(const Operations& operations, Tally& tally) {
    // A slot is fetched so many keys ahead of its use: memory answers several at a time.
    constexpr size_t kAhead = 16;
    const std::span<const ChunkHash> keys = operations.keys;
    for (size_t i = 0; i < keys.size(); ++i) {
      if (i + kAhead < keys.size()) prefetchLine(keys_.home(keys[i + kAhead]));
      if (operations.evicts.test(i)) {
        if (!keys_.erase(keys[i])) continue;
        --tally.count;
        tally.digest.remove(keys[i]);
      } else if (keys_.insert(keys[i])) {
        ++tally.count;
        tally.digest.add(keys[i]);
      }
    }
  }
  uint64_t count() const { return keys_.size(); }

 private:
  KeySet keys_;
};

std::string difference(const Tally& found, const Tally& stated) {
  if (found.count == stated.count) {
    return "the " + std::to_string(found.count) + " keys have another digest than it says";
  }
  return "there are " + std::to_string(found.count) + " keys, it says " +
         std::to_string(stated.count);
}

std::string wrongBase(const LivePart& live, const Tally& found) {
  return "the content at seq " + std::to_string(live.baseSeq) +
         " does not agree with it: " + difference(found, {live.baseCount, live.baseDigest});
}

std::string wrongCount(const Tally& found, const Tally& stated) {
  return "the content after it does not agree with it: " + difference(found, stated);
}

// Room is made for these at once; more are added as they come.
uint64_t expectedKeys(FamilyRows& rows, const LocationRecord& location,
                      const RecountOptions& options) {
  const auto head = readLocationHead(rows, location);
  const uint64_t count = head.ok() ? head.value().count : 0;
  return std::min(std::max(count, location.live.baseCount), options.keysMax);
}

// Everything at once, compared record by record.
class WholeCount : public ContentVisitor {
 public:
  // `ordered`: there are segments only, so nothing needs to be held.
  WholeCount(const LocationRecord& location, bool ordered, uint64_t expected,
             const RecountOptions& options, const Report& report)
      : location_(location), ordered_(ordered), options_(options), report_(report) {
    if (!ordered) held_.emplace(expected);
  }

  void keys(std::span<const ChunkHash> keys) override {
    read(keys.size());
    if (ordered_) {
      // Distinct, because they ascend.
      tally_.count += keys.size();
      for (const ChunkHash key : keys) tally_.digest.add(key);
    } else {
      apply({keys, {}});
    }
  }

  void base() override {
    const LivePart& live = location_.live;
    const Tally stated{live.baseCount, live.baseDigest};
    if (isNews(stated)) report_("wrong-base", "location record", wrongBase(live, tally_));
  }

  void journal(const JournalEntry& entry) override {
    read(entry.operations.size());
    apply(entry.operations);
    if (!entry.counted) return;
    const Tally stated{entry.countAfter, entry.digestAfter};
    const JournalKey key{location_.id, location_.live.generation, entry.stream, entry.firstSeq};
    if (isNews(stated)) report_("wrong-count", nameOf(key), wrongCount(tally_, stated));
    lastCounted_ = LastCounted{entry.stream, entry.firstSeq, stated};
  }

  void lost() override { complete_ = false; }

  struct LastCounted {
    uint32_t stream = 0;
    uint64_t firstSeq = 0;
    Tally stated;
  };
  const std::optional<LastCounted>& lastCounted() const { return lastCounted_; }
  // All records are there, but they were too many to be counted at once.
  bool tooMany() const { return complete_ && !held_ && !ordered_; }

 private:
  void read(uint64_t keys) {
    if (options_.read) options_.read(keys);
  }
  // Whether what is stated differs from what was counted, other than by what was said already: then
  // either one record was wrong and the next is right again, or all from there on differ alike.
  bool isNews(const Tally& stated) {
    if (!complete_ || (!ordered_ && !held_)) return false;
    const Tally difference = stated - tally_;
    if (difference == Tally() || difference == said_) return false;
    said_ = difference;
    return true;
  }
  void apply(const Operations& operations) {
    if (!held_) return;
    held_->apply(operations, tally_);
    if (held_->count() > options_.keysMax) held_.reset();
  }

  const LocationRecord& location_;
  const bool ordered_;
  const RecountOptions& options_;
  const Report& report_;
  std::optional<HeldKeys> held_;
  Tally tally_;
  Tally said_;
  bool complete_ = true;
  std::optional<LastCounted> lastCounted_;
};

// The keys of one slice, at the base and after the last record that states a count.
class SliceCount : public ContentVisitor {
 public:
  SliceCount(KeyRange slice, const std::optional<WholeCount::LastCounted>& last,
             const RecountOptions& options)
      : slice_(slice), last_(last), options_(options), held_(0) {}

  void keys(std::span<const ChunkHash> keys) override { apply({keys, {}}); }
  void base() override { base_ = tally_; }
  void journal(const JournalEntry& entry) override {
    apply(entry.operations);
    if (last_ && last_->stream == entry.stream && last_->firstSeq == entry.firstSeq) end_ = tally_;
  }
  void lost() override {}

  bool tooMany() const { return held_.count() > options_.keysMax; }
  const Tally& atBase() const { return base_; }
  const Tally& atEnd() const { return end_; }

 private:
  void apply(const Operations& operations) {
    if (tooMany()) return;
    keys_.clear();
    evicts_.assign((operations.size() + 7) / 8, 0);
    for (size_t i = 0; i < operations.size(); ++i) {
      if (!slice_.contains(operations.keys[i])) continue;
      const size_t at = keys_.size();
      if (operations.evicts.test(i)) {
        evicts_[at / 8] = static_cast<uint8_t>(evicts_[at / 8] | (1u << (at % 8)));
      }
      keys_.push_back(operations.keys[i]);
    }
    held_.apply({keys_, {evicts_.data(), 0}}, tally_);
  }

  const KeyRange slice_;
  const std::optional<WholeCount::LastCounted>& last_;
  const RecountOptions& options_;
  HeldKeys held_;
  Tally tally_;
  Tally base_;
  Tally end_;
  std::vector<ChunkHash> keys_;
  std::vector<uint8_t> evicts_;
};

// Adds up the keys of `range`, in halves where they are too many.
std::optional<Error> countSlices(FamilyRows& rows, const LocationRecord& location, KeyRange range,
                                 const std::optional<WholeCount::LastCounted>& last,
                                 const RecountOptions& options, Tally& base, Tally& end) {
  const Report silent = [](const char*, const std::string&, const std::string&) {};
  SliceCount count(range, last, options);
  if (auto error = walkContent(rows, location, count, silent)) return error;
  if (!count.tooMany() || range.from == range.to) {
    base += count.atBase();
    end += count.atEnd();
    return std::nullopt;
  }
  const ChunkHash middle = range.from + (range.to - range.from) / 2;
  auto error = countSlices(rows, location, {range.from, middle}, last, options, base, end);
  if (!error) {
    error = countSlices(rows, location, {middle + 1, range.to}, last, options, base, end);
  }
  return error;
}

}  // namespace

std::optional<Error> recount(FamilyRows& rows, const LocationRecord& location,
                             const RecountOptions& options, const Report& report) {
  const StoreKey journal = journalPrefix(location.id, location.live.generation);
  rows.seek(journal);
  const bool ordered = location.live.fold != 0 && !rows.at(journal);
  WholeCount whole(location, ordered, expectedKeys(rows, location, options), options, report);
  if (auto error = walkContent(rows, location, whole, report)) return error;
  if (!whole.tooMany()) return std::nullopt;

  Tally base;
  Tally end;
  constexpr ChunkHash kMiddle = UINT64_MAX / 2;
  for (const KeyRange half : {KeyRange{0, kMiddle}, KeyRange{kMiddle + 1, UINT64_MAX}}) {
    auto error = countSlices(rows, location, half, whole.lastCounted(), options, base, end);
    if (error) return error;
  }
  const LivePart& live = location.live;
  const Tally offBase = Tally{live.baseCount, live.baseDigest} - base;
  if (!(offBase == Tally())) report("wrong-base", "location record", wrongBase(live, base));
  if (!whole.lastCounted()) return std::nullopt;
  const auto& [stream, firstSeq, stated] = *whole.lastCounted();
  const Tally offEnd = stated - end;
  if (offEnd == Tally() || offEnd == offBase) return std::nullopt;
  report("wrong-count", nameOf(JournalKey{location.id, live.generation, stream, firstSeq}),
         wrongCount(end, stated));
  return std::nullopt;
}

}  // namespace holdfast::inspect
