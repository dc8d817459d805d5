// What a fold merges, read from one snapshot: the keys of the live segments, ascending, and the
// operations of the journal on top of them.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/snapshot.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/registry_store.h"
#include "core/result.h"

namespace holdfast {

// Size and digest of distinct keys.
struct KeyTally {
  uint64_t count = 0;
  KeyDigest digest;

  void add(ChunkHash key) {
    ++count;
    digest.add(key);
  }
  friend bool operator==(const KeyTally&, const KeyTally&) = default;
};

struct FoldSource {
  rocksdb::DB& db;
  rocksdb::ColumnFamilyHandle* family;
  const rocksdb::Snapshot* snapshot;
  // Why the fold must be broken off, if it must.
  std::function<std::optional<Error>()> interrupted;
};

// The journal of a live part.
class FoldJournal {
 public:
  struct Change {
    static constexpr uint64_t kPositionsMax = (uint64_t{1} << 62) - 1;

    ChunkHash key;
    uint64_t position : 62;  // in the journal
    uint64_t evict : 1;
    uint64_t inBase : 1;  // of an older stream: leads to the base of the live part
  };

  // The error says why it cannot be read.
  std::optional<Error> read(const FoldSource& source, const FoldRequest& request);

  // By key, those of one key in the order in which they happened.
  const std::vector<Change>& changes() const { return changes_; }
  uint64_t lastSeq() const { return lastSeq_; }
  // What the last record says of the content after it. Nothing if it says nothing, or if there is
  // no record above the base.
  const std::optional<KeyTally>& after() const { return after_; }

 private:
  std::vector<Change> changes_;
  uint64_t lastSeq_ = 0;
  std::optional<KeyTally> after_;
};

// Distinct keys in ascending order, a run at a time.
class SortedKeys {
 public:
  virtual ~SortedKeys() = default;
  // The next run, which stands until the next call. Empty at the end, or if there is an error().
  virtual std::span<const ChunkHash> next() = 0;
  const std::optional<Error>& error() const { return error_; }

 protected:
  std::optional<Error> error_;
};

// The segments of the live part: those of its fold; of fold 0 the generation's batches, of which up
// to `keysMax` keys are sorted at once. `source` must outlive it.
std::unique_ptr<SortedKeys> liveKeys(const FoldSource& source, const FoldRequest& request,
                                     size_t keysMax);

}  // namespace holdfast
