#include "store/content_reader.h"

#include <map>
#include <string>
#include <utility>

#include "format/iterate.h"
#include "format/registry_records.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr size_t kRecoveryReadahead = size_t{2} << 20;

using RowKind = RecoveryRow::Kind;

JournalEntry onlyKeys(std::span<const ChunkHash> keys) {
  JournalEntry entry;
  entry.operations.keys = keys;
  return entry;
}

// The words that say which faults are damage to a start. Gaps are not among them: whoever takes
// what is read looks whether it goes on, and knows counts and digests besides.
std::optional<std::string> damageOf(const ContentFault& fault, const LocationRecord& location) {
  using Kind = ContentFault::Kind;
  if (const auto* segment = std::get_if<SegmentKey>(&fault.at)) {
    return "segment " + std::to_string(segment->n) + " of location " + location.name +
           " is damaged";
  }
  if (const auto* batch = std::get_if<BatchKey>(&fault.at)) {
    const std::string which =
        "batch " + std::to_string(batch->number) + " of the full sync of location " + location.name;
    if (fault.kind == Kind::kMissing) return which + " is missing";
    if (fault.kind != Kind::kTooMany) return which + " is damaged";
    return which + " is beyond its " + std::to_string(fault.number);
  }
  if (fault.kind == Kind::kLeftBehind || fault.kind == Kind::kGap) return std::nullopt;
  if (fault.kind == Kind::kUnknownStream) {
    return "the journal of location " + location.name + " has a record of stream " +
           std::to_string(std::get<JournalKey>(fault.at).stream) + ", which was never begun";
  }
  return "a journal record of location " + location.name + " is damaged";
}

}  // namespace

class ContentReader::Damage : public ContentListener {
 public:
  explicit Damage(const LocationRecord& location) : location_(location) {}
  bool fault(const ContentFault& fault) override {
    if (auto what = damageOf(fault, location_)) error = unavailable(std::move(*what));
    return !error;
  }
  std::optional<Error> error;

 private:
  const LocationRecord& location_;
};

// Segments are unpacked into the part, the rest is copied to it.
class ContentReader::Unpacked : public ContentMemory {
 public:
  explicit Unpacked(ContentReader& reader) : reader_(reader) {}
  std::optional<std::span<const uint64_t>> words(FamilyRows& rows) override { return rows.words(); }
  std::span<ChunkHash> keys(size_t count) override {
    reader_.makeRoom(count);
    return reader_.part_->take(count);
  }

 private:
  ContentReader& reader_;
};

class ContentReader::Copied : public ContentMemory {
 public:
  explicit Copied(ContentReader& reader) : reader_(reader) {}
  std::optional<std::span<const uint64_t>> words(FamilyRows& rows) override {
    const std::string_view value = rows.value();
    reader_.makeRoom(value.size() / sizeof(uint64_t) + 1);
    return reader_.part_->copy(value);
  }
  std::span<ChunkHash> keys(size_t) override { return {}; }  // of segments only

 private:
  ContentReader& reader_;
};

ContentReader::ContentReader(Database& database, const RecoveredOwner& owner, RecoveryQueue& queue)
    : owner_(owner),
      queue_(queue),
      rows_(iterateOnce(*database.db(), database.handle(owner.family), kRecoveryReadahead)) {}

void ContentReader::run() {
  part_ = queue_.blank(owner_.id, 0);
  part_->damage = read();
  part_->pins = std::move(pins_);
  part_->last = true;
  queue_.push(std::move(part_));
}

std::optional<Error> ContentReader::read() {
  for (const LocationRecord& location : owner_.locations) {
    auto damage = content(location);
    if (!damage) damage = rows_.error();
    if (!damage) damage = pins(location);
    if (damage) return damage;
  }
  return std::nullopt;
}

std::optional<Error> ContentReader::content(const LocationRecord& location) {
  Damage damage(location);
  Unpacked unpacked(*this);
  Copied copied(*this);
  const auto stopped = [&] { return damage.error || rows_.error(); };
  const auto batches = [&](BatchCursor cursor, RowKind kind) {
    while (const auto batch = cursor.next()) {
      add(location, kind, batch->number, onlyKeys(batch->keys));
    }
  };
  const auto journal = [&](JournalCursor cursor, RowKind kind) {
    while (const auto entry = cursor.next()) add(location, kind, 0, *entry);
  };
  const LivePart& live = location.live;
  if (live.fold == 0) {
    batches({rows_, location.id, live, copied, damage}, RowKind::kSegment);
  } else {
    SegmentCursor cursor(rows_, location.id, live, unpacked, damage);
    while (const auto keys = cursor.next()) add(location, RowKind::kSegment, 0, onlyKeys(*keys));
  }
  if (!stopped()) journal({rows_, location.id, live, copied, damage}, RowKind::kJournal);
  if (location.building) {
    const BuildingPart& building = *location.building;
    if (!stopped()) batches({rows_, location.id, building, copied, damage}, RowKind::kBatch);
    if (!stopped()) {
      journal({rows_, location.id, building, copied, damage}, RowKind::kBuildingJournal);
    }
  }
  return damage.error;
}

void ContentReader::add(const LocationRecord& location, RowKind kind, uint32_t number,
                        const JournalEntry& entry) {
  part_->rows.push_back({location.id, kind, number, entry});
}

void ContentReader::makeRoom(size_t words) {
  if (part_->fits(words)) return;
  queue_.push(std::move(part_));
  part_ = queue_.blank(owner_.id, words);
}

std::optional<Error> ContentReader::pins(const LocationRecord& location) {
  std::map<std::string, size_t> alike;  // value -> index in pins_
  const StoreKey prefix = pinsPrefix(location.id);
  for (rows_.seek(prefix); rows_.at(prefix); rows_.next()) {
    const auto key = parsePinKey(rows_.key());
    const auto [known, isNew] = alike.try_emplace(std::string(rows_.value()), pins_.size());
    auto record = isNew ? decodePin(rows_.value()) : std::nullopt;
    if (!key || (isNew && !record)) {
      return unavailable("a pin of location " + location.name + " is damaged");
    }
    if (isNew) pins_.push_back({location.id, std::move(*record), {}});
    pins_[known->second].chunks.push_back(key->chunk);
  }
  return rows_.error();
}

}  // namespace holdfast
