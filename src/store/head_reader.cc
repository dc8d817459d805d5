#include "store/head_reader.h"

#include <map>
#include <utility>

#include "core/check.h"
#include "format/family_head.h"
#include "format/iterate.h"
#include "format/keys.h"
#include "format/slices.h"

namespace holdfast {
namespace {

// Operations in the journal above `baseSeq` of `stream`.
uint64_t operationsAbove(const std::optional<JournalEnd>& end, const LivePart& live) {
  const bool goesOn = end && placeOf(end->key, live) == JournalPlace::kAbove;
  return goesOn ? end->lastSeq() - live.baseSeq : 0;
}

}  // namespace

HeadReader::HeadReader(Database& database, RecoveredOwner& owner, rocksdb::WriteBatch& leftovers)
    : database_(database),
      owner_(owner),
      leftovers_(leftovers),
      rows_(iterateOnce(*database.db(), database.handle(owner.family), 0)) {}

std::optional<InstanceRecord> HeadReader::instance() {
  auto record = readInstanceHead(rows_, owner_.record);
  if (record.ok()) return std::move(record.value());
  owner_.damage = record.error();
  return std::nullopt;
}

std::optional<WorkerRecord> HeadReader::worker() {
  auto record = readWorker();
  if (record.ok()) return std::move(record.value());
  owner_.damage = record.error();
  return std::nullopt;
}

Result<WorkerRecord> HeadReader::readWorker() {
  auto record = readWorkerRecord(rows_, owner_.record);
  if (!record.ok()) return record;
  auto locations = readLocationRecords(rows_);
  if (!locations.ok()) return locations.error();
  owner_.locations = std::move(locations.value());
  for (const LocationRecord& location : owner_.locations) {
    if (auto error = readEnds(location)) return std::move(*error);
  }
  findLeftovers();
  if (auto error = rows_.error()) return std::move(*error);
  return record;
}

std::optional<Error> HeadReader::readEnds(const LocationRecord& location) {
  const LivePart& live = location.live;
  const auto end = readEnd(location.id, live.generation);
  if (!end.ok()) return end.error();
  const uint64_t operations = operationsAbove(end.value(), live);
  owner_.ends.push_back({location.id, live.generation, live.stream, live.baseSeq + operations});
  owner_.keys += live.baseCount + operations;
  // An operation that was not counted may as well be an admit.
  owner_.chunks +=
      end.value() && end.value()->counted ? end.value()->countAfter : live.baseCount + operations;
  if (!location.building) return std::nullopt;
  const LivePart building = journalOf(*location.building);
  const auto builtEnd = readEnd(location.id, building.generation);
  if (!builtEnd.ok()) return builtEnd.error();
  const uint64_t held = operationsAbove(builtEnd.value(), building);
  owner_.keys += location.building->totalKeys + held;
  owner_.ends.push_back({location.id, building.generation, 0, building.baseSeq + held});
  return std::nullopt;
}

Result<std::optional<JournalEnd>> HeadReader::readEnd(uint16_t location, uint32_t generation) {
  auto end = readJournalEnd(rows_, location, generation);
  if (end.ok() && end.value()) owner_.newest.remember(end.value()->key);
  return end;
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
    rows_.seek(at);
    const auto key = rows_.valid() ? parse(rows_.key()) : std::nullopt;
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
