// Reads what a location holds record by record, in the order in which it applies: the segments of
// its live part, or the batches that stand for them, then the journal; the same of the part that a
// full sync builds. What segments, batches and journals must be like is said here: numbers that
// follow each other, keys that ascend, streams that were begun, operations that continue.
//
// Where that is not so a fault goes to the reader's listener, which says whether to go on; so each
// reader decides what damage means to it, and none decides what damage is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "core/registry_store.h"
#include "format/family_rows.h"
#include "format/keys.h"

namespace holdfast {

struct ContentFault {
  enum class Kind {
    kStrayKey,       // a record among these whose key is none of theirs
    kUndecodable,    // it is passed over
    kMissing,        // `at` is not there; the next one that is has the number `number`
    kNotAscending,   // in a segment, its hash `number`
    kTooMany,        // a batch that is not among the `number` of the full sync
    kUnknownStream,  // was never begun. Reading ends
    kLeftBehind,     // no damage: what it says is in the segments already. It is passed over
    kGap,            // the journal should go on at seq `number`
  };
  Kind kind = Kind::kUndecodable;
  // Which record; of kStrayKey the one that should have come, a JournalKey without its seq.
  std::variant<SegmentKey, BatchKey, JournalKey> at;
  uint64_t number = 0;
};

class ContentListener {
 public:
  virtual ~ContentListener() = default;
  // Called before what is at fault is passed on, if it is. False: reading ends here.
  virtual bool fault(const ContentFault& fault) = 0;
  // Once in a live part, unless reading ends before: what comes from now on in its journal is above
  // its base.
  virtual void base() {}
};

// Where keys and values are put that cannot be read where they stand.
class ContentMemory {
 public:
  virtual ~ContentMemory() = default;
  // The value here as words, aligned; nothing if it is not whole words.
  virtual std::optional<std::span<const uint64_t>> words(FamilyRows& rows) = 0;
  // Room for so many keys.
  virtual std::span<ChunkHash> keys(size_t count) = 0;
};

// What it gives stands until the next record is read.
class ReusedMemory : public ContentMemory {
 public:
  std::optional<std::span<const uint64_t>> words(FamilyRows& rows) override { return rows.words(); }
  std::span<ChunkHash> keys(size_t count) override {
    if (keys_.size() < count) keys_.resize(count);
    return {keys_.data(), count};
  }

 private:
  std::vector<ChunkHash> keys_;
};

// Cursors keep their arguments, which must outlive them; `rows` may be moved before the first call
// of next() and after the last. next() returns nothing at the end, where the listener ended it, and
// where reading failed: then rows.error() says why.

// The segments of a fold.
class SegmentCursor {
 public:
  SegmentCursor(FamilyRows& rows, uint16_t location, const LivePart& live, ContentMemory& memory,
                ContentListener& listener);
  // Keys that ascend, through all segments, unless a fault says otherwise.
  std::optional<std::span<const ChunkHash>> next();

 private:
  bool told(ContentFault::Kind kind, const SegmentKey& at, uint64_t number = 0);

  FamilyRows& rows_;
  const StoreKey prefix_;
  ContentMemory& memory_;
  ContentListener& listener_;
  SegmentKey expected_;
  std::optional<ChunkHash> before_;
  bool begun_ = false;
  bool ended_ = false;
};

// The batches of a full sync.
class BatchCursor {
 public:
  // Of a live part that was not folded yet: all must be there.
  BatchCursor(FamilyRows& rows, uint16_t location, const LivePart& live, ContentMemory& memory,
              ContentListener& listener);
  // Of one that is built: some may still come.
  BatchCursor(FamilyRows& rows, uint16_t location, const BuildingPart& building,
              ContentMemory& memory, ContentListener& listener);

  struct Batch {
    uint32_t number = 0;
    std::span<const ChunkHash> keys;  // in no order
  };
  std::optional<Batch> next();

 private:
  bool told(ContentFault::Kind kind, const BatchKey& at, uint64_t number = 0);

  FamilyRows& rows_;
  const StoreKey prefix_;
  const std::optional<uint32_t> count_;  // of a full sync that runs
  ContentMemory& memory_;
  ContentListener& listener_;
  BatchKey expected_;
  bool begun_ = false;
  bool ended_ = false;
};

// How a journal record stands to the live part of its generation.
enum class JournalPlace {
  kInBase,      // of an older stream: it leads to the base
  kLeftBehind,  // in the segments already
  kAbove,       // the operations on top of the base
  kUnknown,     // of a stream that was never begun
};
JournalPlace placeOf(const JournalKey& key, const LivePart& live);
// A part that is built as what its journal goes on from: there is one stream, and no fold.
LivePart journalOf(const BuildingPart& building);

// The journal of a live part, or of one that is built.
class JournalCursor {
 public:
  JournalCursor(FamilyRows& rows, uint16_t location, const LivePart& live, ContentMemory& memory,
                ContentListener& listener);
  JournalCursor(FamilyRows& rows, uint16_t location, const BuildingPart& building,
                ContentMemory& memory, ContentListener& listener);

  // With its stream and seq. Of streams below the live part's first, which lead to its base.
  std::optional<JournalEntry> next();

 private:
  JournalCursor(FamilyRows& rows, uint16_t location, const LivePart& live, bool building,
                ContentMemory& memory, ContentListener& listener);
  bool told(ContentFault::Kind kind, const JournalKey& at, uint64_t number = 0);
  void reachBase();

  FamilyRows& rows_;
  const uint16_t location_;
  const StoreKey prefix_;
  const bool building_;
  LivePart live_;  // of a building part what its journal goes on from
  ContentMemory& memory_;
  ContentListener& listener_;
  bool based_ = false;
  uint32_t stream_ = 0;
  std::optional<uint64_t> next_;  // within the stream
  bool begun_ = false;
  bool ended_ = false;
};

// The last record of a journal, which says where it ends.
struct JournalEnd {
  JournalKey key;
  uint64_t operations = 0;
  bool counted = false;  // countAfter and digestAfter are known
  uint64_t countAfter = 0;
  KeyDigest digestAfter;

  uint64_t lastSeq() const { return key.firstSeq + operations - 1; }
};
// Of one generation; the value is nothing where there is no journal. The error: it cannot be read,
// or does not decode.
Result<std::optional<JournalEnd>> readJournalEnd(FamilyRows& rows, uint16_t location,
                                                 uint32_t generation);

}  // namespace holdfast
