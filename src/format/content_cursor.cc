#include "format/content_cursor.h"

#include "format/contents.h"

namespace holdfast {
namespace {

using Kind = ContentFault::Kind;

// To the first record of a prefix, then to the next. False at its end.
bool advance(FamilyRows& rows, const StoreKey& prefix, bool& begun) {
  if (!begun) {
    rows.seek(prefix);
    begun = true;
  } else {
    rows.next();
  }
  return rows.at(prefix);
}

// The place of the first key that is not above its predecessor; there is one.
size_t firstDescent(std::span<const ChunkHash> keys, const std::optional<ChunkHash>& before) {
  if (before && *before >= keys.front()) return 0;
  size_t at = 1;
  while (keys[at - 1] < keys[at]) ++at;
  return at;
}

}  // namespace

SegmentCursor::SegmentCursor(FamilyRows& rows, uint16_t location, const LivePart& live,
                             ContentMemory& memory, ContentListener& listener)
    : rows_(rows),
      prefix_(segmentsPrefix(location, live.generation, live.fold)),
      memory_(memory),
      listener_(listener),
      expected_{location, live.generation, live.fold, 0} {}

bool SegmentCursor::told(Kind kind, const SegmentKey& at, uint64_t number) {
  ended_ = !listener_.fault({kind, at, number});
  return !ended_;
}

std::optional<std::span<const ChunkHash>> SegmentCursor::next() {
  while (!ended_ && advance(rows_, prefix_, begun_)) {
    const auto key = parseSegmentKey(rows_.key());
    if (!key) {
      if (!told(Kind::kStrayKey, expected_)) break;
      continue;
    }
    if (key->n != expected_.n && !told(Kind::kMissing, expected_, key->n)) break;
    expected_.n = key->n + 1;
    const auto words = memory_.words(rows_);
    const auto segment = words ? decodeSegment(*words) : std::nullopt;
    if (!segment) {
      before_.reset();
      if (!told(Kind::kUndecodable, *key)) break;
      continue;
    }
    const std::span<ChunkHash> keys = memory_.keys(segment->size());
    if (!segment->read(keys) || (before_ && *before_ >= keys.front())) {
      if (!told(Kind::kNotAscending, *key, firstDescent(keys, before_))) break;
    }
    before_ = keys.back();
    return keys;
  }
  ended_ = true;
  return std::nullopt;
}

BatchCursor::BatchCursor(FamilyRows& rows, uint16_t location, const LivePart& live,
                         ContentMemory& memory, ContentListener& listener)
    : rows_(rows),
      prefix_(batchesPrefix(location, live.generation)),
      memory_(memory),
      listener_(listener),
      expected_{location, live.generation, 0} {}

BatchCursor::BatchCursor(FamilyRows& rows, uint16_t location, const BuildingPart& building,
                         ContentMemory& memory, ContentListener& listener)
    : rows_(rows),
      prefix_(batchesPrefix(location, building.generation)),
      count_(building.batchCount),
      memory_(memory),
      listener_(listener),
      expected_{location, building.generation, 0} {}

bool BatchCursor::told(Kind kind, const BatchKey& at, uint64_t number) {
  ended_ = !listener_.fault({kind, at, number});
  return !ended_;
}

std::optional<BatchCursor::Batch> BatchCursor::next() {
  while (!ended_ && advance(rows_, prefix_, begun_)) {
    const auto key = parseBatchKey(rows_.key());
    if (!key) {
      if (!told(Kind::kStrayKey, expected_)) break;
      continue;
    }
    if (count_) {
      if (key->number >= *count_ && !told(Kind::kTooMany, *key, *count_)) break;
    } else if (key->number != expected_.number) {
      if (!told(Kind::kMissing, expected_, key->number)) break;
    }
    expected_.number = key->number + 1;
    const auto words = memory_.words(rows_);
    const auto keys = words ? decodeBatch(*words) : std::nullopt;
    if (keys) return Batch{key->number, *keys};
    if (!told(Kind::kUndecodable, *key)) break;
  }
  ended_ = true;
  return std::nullopt;
}

JournalPlace placeOf(const JournalKey& key, const LivePart& live) {
  if (key.stream > live.stream) return JournalPlace::kUnknown;
  if (key.stream < live.stream) return JournalPlace::kInBase;
  return key.firstSeq <= live.baseSeq ? JournalPlace::kLeftBehind : JournalPlace::kAbove;
}

LivePart journalOf(const BuildingPart& building) {
  LivePart part;
  part.generation = building.generation;
  part.baseSeq = building.baseSeq;
  return part;
}

JournalCursor::JournalCursor(FamilyRows& rows, uint16_t location, const LivePart& live,
                             ContentMemory& memory, ContentListener& listener)
    : JournalCursor(rows, location, live, false, memory, listener) {}

JournalCursor::JournalCursor(FamilyRows& rows, uint16_t location, const BuildingPart& building,
                             ContentMemory& memory, ContentListener& listener)
    : JournalCursor(rows, location, journalOf(building), true, memory, listener) {}

JournalCursor::JournalCursor(FamilyRows& rows, uint16_t location, const LivePart& live,
                             bool building, ContentMemory& memory, ContentListener& listener)
    : rows_(rows),
      location_(location),
      prefix_(journalPrefix(location, live.generation)),
      building_(building),
      live_(live),
      memory_(memory),
      listener_(listener) {}

bool JournalCursor::told(Kind kind, const JournalKey& at, uint64_t number) {
  ended_ = !listener_.fault({kind, at, number});
  return !ended_;
}

void JournalCursor::reachBase() {
  if (based_) return;
  based_ = true;
  stream_ = live_.stream;
  next_ = live_.baseSeq + 1;
  if (!building_) listener_.base();
}

std::optional<JournalEntry> JournalCursor::next() {
  while (!ended_ && advance(rows_, prefix_, begun_)) {
    const auto key = parseJournalKey(rows_.key());
    if (!key) {
      if (!told(Kind::kStrayKey, JournalKey{location_, live_.generation, stream_, 0})) break;
      continue;
    }
    JournalPlace place = placeOf(*key, live_);
    if (place == JournalPlace::kUnknown) {
      (void)told(Kind::kUnknownStream, *key, live_.stream);
      ended_ = true;
      return std::nullopt;
    }
    if (place != JournalPlace::kInBase) reachBase();
    // Nothing was folded of a part that is built, so nothing of it can be in segments.
    if (building_) place = JournalPlace::kAbove;
    if (place == JournalPlace::kLeftBehind) {
      if (!told(Kind::kLeftBehind, *key, live_.baseSeq)) break;
      continue;
    }
    const bool goesOn = next_ && stream_ == key->stream;
    if (goesOn && key->firstSeq != *next_ && !told(Kind::kGap, *key, *next_)) break;
    stream_ = key->stream;
    const auto words = memory_.words(rows_);
    auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!entry) {
      next_.reset();
      if (!told(Kind::kUndecodable, *key)) break;
      continue;
    }
    next_ = key->firstSeq + entry->operations.size();
    entry->stream = key->stream;
    entry->firstSeq = key->firstSeq;
    return entry;
  }
  // Where reading failed nobody knows what leads to the base.
  if (!ended_ && !rows_.error()) reachBase();
  ended_ = true;
  return std::nullopt;
}

Result<std::optional<JournalEnd>> readJournalEnd(FamilyRows& rows, uint16_t location,
                                                 uint32_t generation) {
  const StoreKey prefix = journalPrefix(location, generation);
  rows.seekBelow(prefix.end());
  if (auto error = rows.error()) return std::move(*error);
  if (!rows.at(prefix)) return std::optional<JournalEnd>();
  const auto key = parseJournalKey(rows.key());
  const auto words = rows.words();
  const auto entry = words ? decodeJournal(*words) : std::nullopt;
  if (!key || !entry) return Error{ErrorCode::kInvalid, "does not decode"};
  return std::optional(JournalEnd{*key, entry->operations.size(), entry->counted, entry->countAfter,
                                  entry->digestAfter});
}

}  // namespace holdfast
