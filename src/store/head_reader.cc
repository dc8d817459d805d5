#include "store/head_reader.h"

#include <map>
#include <utility>
#include <vector>

#include "core/check.h"
#include "format/contents.h"
#include "format/iterate.h"
#include "format/registry_records.h"
#include "format/slices.h"
#include "format/words.h"

namespace holdfast {
HeadReader::HeadReader(Database& database, RecoveredOwner& owner, rocksdb::WriteBatch& leftovers)
    : database_(database),
      owner_(owner),
      leftovers_(leftovers),
      rows_(iterateOnce(*database.db(), database.handle(owner.family), 0)) {}

std::optional<InstanceRecord> HeadReader::instance() {
  const auto record = decodeInstance(value(instanceKey()));
  return record && record->instance == owner_.record.instance ? record : damage<InstanceRecord>();
}

std::optional<WorkerRecord> HeadReader::worker() {
  auto record = decodeWorker(value(workerKey()));
  if (!record || record->instance != owner_.record.instance ||
      record->worker != owner_.record.worker || !locations()) {
    return damage<WorkerRecord>();
  }
  return record;
}

template <typename Record>
std::optional<Record> HeadReader::damage() {
  owner_.damage = rows_->status().ok() ? "a record of it is missing or does not decode"
                                       : rows_->status().ToString();
  return std::nullopt;
}

std::string_view HeadReader::value(const StoreKey& key) {
  rows_->Seek(slice(key));
  if (!rows_->Valid() || rows_->key() != slice(key)) return {};
  return rows_->value().ToStringView();
}

bool HeadReader::locations() {
  const StoreKey prefix = locationsPrefix();
  for (rows_->Seek(slice(prefix)); rows_->Valid() && rows_->key().starts_with(slice(prefix));
       rows_->Next()) {
    const auto id = parseLocationKey(rows_->key().ToStringView());
    auto record = decodeLocation(rows_->value().ToStringView());
    if (!id || !record || record->id != *id) return false;
    owner_.locations.push_back(std::move(*record));
  }
  for (const LocationRecord& location : owner_.locations) {
    if (!rows_->status().ok() || !readEnds(location)) return false;
  }
  if (rows_->status().ok()) findLeftovers();
  return rows_->status().ok();
}

bool HeadReader::readEnds(const LocationRecord& location) {
  const LivePart& live = location.live;
  if (!readLast(location.id, live.generation)) return false;
  const uint64_t operations = operationsAbove(live.stream, live.baseSeq);
  owner_.ends.push_back({location.id, live.generation, live.stream, live.baseSeq + operations});
  owner_.keys += live.baseCount + operations;
  // An operation that was not counted may as well be an admit.
  owner_.chunks += last_ && last_->counted ? last_->countAfter : live.baseCount + operations;
  if (!location.building) return true;
  if (!readLast(location.id, location.building->generation)) return false;
  const uint64_t held = operationsAbove(0, location.building->baseSeq);
  owner_.keys += location.building->totalKeys + held;
  owner_.ends.push_back(
      {location.id, location.building->generation, 0, location.building->baseSeq + held});
  return true;
}

// False if it is damaged.
bool HeadReader::readLast(uint16_t location, uint32_t generation) {
  last_.reset();
  const StoreKey prefix = journalPrefix(location, generation);
  rows_->SeekForPrev(slice(prefix.end()));
  if (!rows_->Valid() || !rows_->key().starts_with(slice(prefix))) return true;
  const auto key = parseJournalKey(rows_->key().ToStringView());
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(rows_->value().ToStringView(), scratch);
  const auto entry = words ? decodeJournal(*words) : std::nullopt;
  if (!key || !entry) return false;
  last_ = {*key, entry->operations.size(), entry->counted, entry->countAfter};
  owner_.newest.remember(*key);
  return true;
}

// In the journal of `stream`, by its last record.
uint64_t HeadReader::operationsAbove(uint32_t stream, uint64_t seq) const {
  if (!last_ || last_->key.stream != stream || last_->key.firstSeq <= seq) return 0;
  return last_->key.firstSeq + last_->operations - 1 - seq;
}

// Referred to are the segments of the live fold (of fold 0 the batches of the live generation), the
// batches of the building part, the journals of both, and the pins of a location that is there.
void HeadReader::findLeftovers() {
  std::map<uint16_t, const LocationRecord*> locations;
  for (const LocationRecord& location : owner_.locations) locations[location.id] = &location;
  const auto isLive = [&](uint16_t location, uint32_t generation) {
    const auto found = locations.find(location);
    return found != locations.end() && found->second->live.generation == generation;
  };
  const auto isBuilding = [&](uint16_t location, uint32_t generation) {
    const auto found = locations.find(location);
    return found != locations.end() && found->second->building &&
           found->second->building->generation == generation;
  };
  using Range = std::pair<StoreKey, bool>;  // and whether something refers to it
  findLeftovers('J', parseJournalKey, [&](const JournalKey& key) {
    return Range(journalPrefix(key.location, key.generation),
                 isLive(key.location, key.generation) || isBuilding(key.location, key.generation));
  });
  findLeftovers('S', parseSegmentKey, [&](const SegmentKey& key) {
    return Range(
        segmentsPrefix(key.location, key.generation, key.fold),
        isLive(key.location, key.generation) && locations[key.location]->live.fold == key.fold);
  });
  findLeftovers('Y', parseBatchKey, [&](const BatchKey& key) {
    return Range(
        batchesPrefix(key.location, key.generation),
        isBuilding(key.location, key.generation) ||
            (isLive(key.location, key.generation) && locations[key.location]->live.fold == 0));
  });
  findLeftovers('P', parsePinKey, [&](const PinKey& key) {
    return Range(pinsPrefix(key.location), locations.contains(key.location));
  });
}

// Goes from range to range of the keys with a tag.
template <typename Parse, typename Judge>
void HeadReader::findLeftovers(char tag, Parse parse, Judge judge) {
  StoreKey at = StoreKey().tag(tag);
  for (;;) {
    rows_->Seek(slice(at));
    const auto key = rows_->Valid() ? parse(rows_->key().ToStringView()) : std::nullopt;
    if (!key) return;
    const auto [range, referredTo] = judge(*key);
    at = range.end();
    if (referredTo) continue;
    const rocksdb::Status status =
        leftovers_.DeleteRange(database_.handle(owner_.family), slice(range), slice(at));
    HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  }
}

}  // namespace holdfast
