#include "store/content_reader.h"

#include <map>
#include <utility>

#include "format/contents.h"
#include "format/iterate.h"
#include "format/registry_records.h"
#include "format/slices.h"
#include "format/words.h"

namespace holdfast {
namespace {

constexpr size_t kReadaheadBytes = size_t{2} << 20;

using Kind = RecoveryRow::Kind;

JournalEntry onlyKeys(std::span<const ChunkHash> keys) {
  JournalEntry entry;
  entry.operations.keys = keys;
  return entry;
}

}  // namespace

ContentReader::ContentReader(Database& database, const RecoveredOwner& owner, RecoveryQueue& queue)
    : owner_(owner),
      queue_(queue),
      rows_(iterateOnce(*database.db(), database.handle(owner.family), kReadaheadBytes)) {}

void ContentReader::run() {
  part_ = queue_.blank(owner_.id, 0);
  part_->damage = read();
  part_->pins = std::move(pins_);
  part_->last = true;
  queue_.push(std::move(part_));
}

std::string ContentReader::read() {
  for (const LocationRecord& location : owner_.locations) {
    std::string damage =
        location.live.fold == 0 ? batches(location, Kind::kSegment) : segments(location);
    if (damage.empty()) damage = journal(location, Kind::kJournal);
    if (damage.empty() && location.building) {
      damage = batches(location, Kind::kBatch);
      if (damage.empty()) damage = journal(location, Kind::kBuildingJournal);
    }
    if (damage.empty()) damage = pins(location);
    if (!damage.empty()) return damage;
  }
  return "";
}

template <typename Read>
std::string ContentReader::rows(const StoreKey& prefix, Read read) {
  for (rows_->Seek(slice(prefix)); rows_->Valid() && rows_->key().starts_with(slice(prefix));
       rows_->Next()) {
    std::string damage = read(rows_->key().ToStringView(), rows_->value().ToStringView());
    if (!damage.empty()) return damage;
  }
  return rows_->status().ok() ? "" : rows_->status().ToString();
}

void ContentReader::makeRoom(size_t words) {
  if (part_->fits(words)) return;
  queue_.push(std::move(part_));
  part_ = queue_.blank(owner_.id, words);
}

std::optional<std::span<const uint64_t>> ContentReader::copy(std::string_view value) {
  makeRoom(value.size() / sizeof(uint64_t) + 1);
  return part_->copy(value);
}

std::string ContentReader::segments(const LocationRecord& location) {
  std::optional<ChunkHash> before;
  uint32_t number = 0;
  const auto read = [&](std::string_view rowKey, std::string_view value) -> std::string {
    const auto key = parseSegmentKey(rowKey);
    const auto words = alignedWords(value, scratch_);
    const auto segment = words ? decodeSegment(*words) : std::nullopt;
    std::span<ChunkHash> keys;
    if (segment) {
      makeRoom(segment->size());
      keys = part_->take(segment->size());
      if (!segment->read(keys)) keys = {};
    }
    if (!key || key->n != number || keys.empty() || (before && *before >= keys.front())) {
      return "segment " + std::to_string(number) + " of location " + location.name + " is damaged";
    }
    ++number;
    before = keys.back();
    part_->rows.push_back({location.id, Kind::kSegment, 0, onlyKeys(keys)});
    return "";
  };
  return rows(segmentsPrefix(location.id, location.live.generation, location.live.fold), read);
}

// Of the building part, where some may be missing, or of a live part that was not folded yet.
std::string ContentReader::batches(const LocationRecord& location, Kind kind) {
  const bool building = kind == Kind::kBatch;
  const uint32_t generation = building ? location.building->generation : location.live.generation;
  uint32_t next = 0;
  const auto read = [&](std::string_view rowKey, std::string_view value) -> std::string {
    const auto key = parseBatchKey(rowKey);
    const auto words = copy(value);
    const auto keys = words ? decodeBatch(*words) : std::nullopt;
    const auto named = [&](uint32_t which) {
      return "batch " + std::to_string(which) + " of the full sync of location " + location.name;
    };
    if (!key || !keys) return named(key ? key->number : next) + " is damaged";
    if (building && key->number >= location.building->batchCount) {
      return named(key->number) + " is beyond its " + std::to_string(location.building->batchCount);
    }
    if (!building && key->number != next) return named(next) + " is missing";
    ++next;
    part_->rows.push_back({location.id, kind, key->number, onlyKeys(*keys)});
    return "";
  };
  return rows(batchesPrefix(location.id, generation), read);
}

std::string ContentReader::journal(const LocationRecord& location, Kind kind) {
  const LivePart& live = location.live;
  const bool building = kind == Kind::kBuildingJournal;
  const uint32_t generation = building ? location.building->generation : live.generation;
  const auto read = [&](std::string_view rowKey, std::string_view value) -> std::string {
    const auto key = parseJournalKey(rowKey);
    // In the segments already.
    if (key && !building && key->stream == live.stream && key->firstSeq <= live.baseSeq) return "";
    const auto words = copy(value);
    auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!key || !entry) return "a journal record of location " + location.name + " is damaged";
    entry->stream = key->stream;
    entry->firstSeq = key->firstSeq;
    part_->rows.push_back({location.id, kind, 0, *entry});
    return "";
  };
  return rows(journalPrefix(location.id, generation), read);
}

std::string ContentReader::pins(const LocationRecord& location) {
  std::map<std::string, size_t> alike;  // value -> index in pins_
  const auto read = [&](std::string_view rowKey, std::string_view value) -> std::string {
    const auto key = parsePinKey(rowKey);
    const auto [known, isNew] = alike.try_emplace(std::string(value), pins_.size());
    if (isNew) {
      auto record = decodePin(value);
      if (!record) return "a pin of location " + location.name + " is damaged";
      pins_.push_back({location.id, std::move(*record), {}});
    }
    if (!key) return "a pin of location " + location.name + " is damaged";
    pins_[known->second].chunks.push_back(key->chunk);
    return "";
  };
  return rows(pinsPrefix(location.id), read);
}

}  // namespace holdfast
