#include "inspect/content_walk.h"

#include <optional>
#include <vector>

#include "format/contents.h"
#include "format/words.h"

namespace holdfast::inspect {
namespace {

class Walk {
 public:
  Walk(StoreReader::Rows& rows, const LocationRecord& location, ContentVisitor& visitor,
       const Report& report)
      : rows_(rows), location_(location), visitor_(visitor), report_(report) {}

  std::string run() {
    if (location_.live.fold != 0) {
      segments();
    } else {
      batches();
    }
    if (rows_.error().empty()) journal();
    return rows_.error();
  }

 private:
  void wrong(const char* kind, const std::string& record, const std::string& what) {
    report_(kind, record, what);
    visitor_.lost();
  }

  void segments() {
    const LivePart& live = location_.live;
    const StoreKey prefix = segmentsPrefix(location_.id, live.generation, live.fold);
    uint32_t number = 0;
    ChunkHash before = 0;
    bool first = true;
    for (rows_.seek(prefix); rows_.at(prefix); rows_.next()) {
      const auto key = parseSegmentKey(rows_.key());
      if (!key) continue;  // found with the keys that are of no kind
      if (key->n != number) {
        wrong("segment-missing",
              nameOf(SegmentKey{key->location, key->generation, key->fold, number}),
              "it is missing: the next one there is " + std::to_string(key->n));
      }
      number = key->n + 1;
      const auto words = alignedWords(rows_.value(), scratch_);
      const auto segment = words ? decodeSegment(*words) : std::nullopt;
      if (!segment) {
        wrong("undecodable", nameOf(*key), "it does not decode");
        first = true;
        continue;
      }
      if (keys_.size() < segment->size()) keys_.resize(segment->size());
      const std::span<ChunkHash> keys(keys_.data(), segment->size());
      const bool ascending = segment->read(keys);
      if (!ascending || (!first && before >= keys.front())) {
        const size_t at = firstDescent(keys, first ? nullptr : &before);
        wrong("segment-order", nameOf(*key),
              "its hash number " + std::to_string(at) + " is not above the one before it");
      }
      before = keys.back();
      first = false;
      visitor_.keys(keys);
    }
  }

  // The place of the first key that is not above its predecessor; there is one. `before` may be
  // null.
  static size_t firstDescent(std::span<const ChunkHash> keys, const ChunkHash* before) {
    if (before != nullptr && *before >= keys.front()) return 0;
    size_t at = 1;
    while (keys[at - 1] < keys[at]) ++at;
    return at;
  }

  void batches() {
    const StoreKey prefix = batchesPrefix(location_.id, location_.live.generation);
    uint32_t number = 0;
    for (rows_.seek(prefix); rows_.at(prefix); rows_.next()) {
      const auto key = parseBatchKey(rows_.key());
      if (!key) continue;
      if (key->number != number) {
        wrong("batch-missing", nameOf(BatchKey{key->location, key->generation, number}),
              "it is missing: the next one there is " + std::to_string(key->number));
      }
      number = key->number + 1;
      const auto words = alignedWords(rows_.value(), scratch_);
      const auto keys = words ? decodeBatch(*words) : std::nullopt;
      if (keys) {
        visitor_.keys(*keys);
      } else {
        wrong("undecodable", nameOf(*key), "it does not decode");
      }
    }
  }

  void journal() {
    const LivePart& live = location_.live;
    const StoreKey prefix = journalPrefix(location_.id, live.generation);
    bool based = false;
    uint32_t stream = 0;
    bool inStream = false;  // `next` is known for it
    uint64_t next = 0;      // within the stream
    for (rows_.seek(prefix); rows_.at(prefix); rows_.next()) {
      const auto key = parseJournalKey(rows_.key());
      if (!key) continue;
      if (key->stream > live.stream) {
        wrong("unknown-stream", nameOf(*key),
              "its stream was never begun: the current one is " + std::to_string(live.stream));
        break;
      }
      if (key->stream == live.stream && !based) {
        visitor_.base();
        based = true;
        stream = live.stream;
        inStream = true;
        next = live.baseSeq + 1;
      }
      if (key->stream == live.stream && key->firstSeq <= live.baseSeq) {
        report_("stale-journal", nameOf(*key),
                "it was left behind: everything up to seq " + std::to_string(live.baseSeq) +
                    " is in the segments");
        continue;
      }
      if (inStream && stream == key->stream && key->firstSeq != next) {
        wrong("journal-gap", nameOf(*key),
              "it should begin at seq " + std::to_string(next) +
                  (key->firstSeq > next ? ": what was before it is missing" : ": it overlaps"));
      }
      const auto words = alignedWords(rows_.value(), scratch_);
      auto entry = words ? decodeJournal(*words) : std::nullopt;
      if (!entry) {
        wrong("undecodable", nameOf(*key), "it does not decode");
        inStream = false;
        continue;
      }
      stream = key->stream;
      inStream = true;
      next = key->firstSeq + entry->operations.size();
      entry->stream = key->stream;
      entry->firstSeq = key->firstSeq;
      visitor_.journal(*entry);
    }
    if (!based && rows_.error().empty()) visitor_.base();
  }

  StoreReader::Rows& rows_;
  const LocationRecord& location_;
  ContentVisitor& visitor_;
  const Report& report_;
  std::vector<uint64_t> scratch_;
  std::vector<ChunkHash> keys_;
};

}  // namespace

std::string walkContent(StoreReader::Rows& rows, const LocationRecord& location,
                        ContentVisitor& visitor, const Report& report) {
  return Walk(rows, location, visitor, report).run();
}

std::string nameOf(const SegmentKey& key) {
  return "segment " + std::to_string(key.n) + " of generation " + std::to_string(key.generation) +
         ", fold " + std::to_string(key.fold);
}

std::string nameOf(const JournalKey& key) {
  return "journal record at seq " + std::to_string(key.firstSeq) + " of generation " +
         std::to_string(key.generation) + ", stream " + std::to_string(key.stream);
}

std::string nameOf(const BatchKey& key) {
  return "batch " + std::to_string(key.number) + " of generation " + std::to_string(key.generation);
}

}  // namespace holdfast::inspect
