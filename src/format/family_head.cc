#include "format/family_head.h"

#include <utility>

#include "format/content_cursor.h"

namespace holdfast {
namespace {

Error damaged(std::string what) {
  return {ErrorCode::kInvalid, std::move(what)};
}

// The value of this very key.
Result<std::string_view> findRecord(FamilyRows& rows, const StoreKey& key, const char* what) {
  if (const auto value = rows.find(key)) return *value;
  if (auto error = rows.error()) return std::move(*error);
  return damaged(std::string("it has no ") + what);
}

}  // namespace

std::string describe(const LocationRecord& location) {
  return "location '" + location.name + "'";
}

Result<InstanceRecord> readInstanceHead(FamilyRows& rows, const OwnerRecord& owner) {
  const auto value = findRecord(rows, instanceKey(), "instance record");
  if (!value.ok()) return value.error();
  const auto record = decodeInstance(value.value());
  if (!record) return damaged("its instance record does not decode");
  if (record->instance != owner.instance) {
    return damaged("its instance record names instance '" + record->instance + "'");
  }
  return *record;
}

Result<WorkerRecord> readWorkerRecord(FamilyRows& rows, const OwnerRecord& owner) {
  const auto value = findRecord(rows, workerKey(), "worker record");
  if (!value.ok()) return value.error();
  const auto record = decodeWorker(value.value());
  if (!record) return damaged("its worker record does not decode");
  if (record->instance != owner.instance || record->worker != owner.worker) {
    return damaged("its worker record names instance '" + record->instance + "' worker " +
                   std::to_string(record->worker));
  }
  return *record;
}

Result<std::vector<LocationRecord>> readLocationRecords(FamilyRows& rows) {
  std::vector<LocationRecord> locations;
  const StoreKey prefix = locationsPrefix();
  for (rows.seek(prefix); rows.at(prefix); rows.next()) {
    const auto id = parseLocationKey(rows.key());
    auto location = decodeLocation(rows.value());
    if (!id || !location) return damaged("a location record of it does not decode");
    if (location->id != *id) {
      return damaged("the record of location " + std::to_string(*id) + " says that it is " +
                     std::to_string(location->id));
    }
    locations.push_back(std::move(*location));
  }
  if (auto error = rows.error()) return std::move(*error);
  return locations;
}

Result<WorkerHead> readWorkerHead(FamilyRows& rows, const OwnerRecord& owner) {
  auto record = readWorkerRecord(rows, owner);
  if (!record.ok()) return record.error();
  auto locations = readLocationRecords(rows);
  if (!locations.ok()) return locations.error();
  WorkerHead head;
  head.record = std::move(record.value());
  for (LocationRecord& location : locations.value()) {
    auto read = readLocationHead(rows, std::move(location));
    if (!read.ok()) return read.error();
    head.locations.push_back(std::move(read.value()));
  }
  return head;
}

Result<LocationHead> readLocationHead(FamilyRows& rows, LocationRecord record) {
  LocationHead head;
  head.record = std::move(record);
  const LivePart& live = head.record.live;
  head.lastSeq = live.baseSeq;
  head.count = live.baseCount;
  head.digest = live.baseDigest;
  const auto end = readJournalEnd(rows, head.record.id, live.generation);
  if (!end.ok() && rows.error()) return end.error();
  if (!end.ok()) {
    return damaged("the newest journal record of " + describe(head.record) + " does not decode");
  }
  const std::optional<JournalEnd>& last = end.value();
  if (!last) return head;
  switch (placeOf(last->key, live)) {
    case JournalPlace::kInBase:
    case JournalPlace::kLeftBehind:
      break;
    case JournalPlace::kUnknown:
      return damaged("the journal of " + describe(head.record) + " has a record of stream " +
                     std::to_string(last->key.stream) + ", which was never begun");
    case JournalPlace::kAbove:
      head.lastSeq = last->lastSeq();
      head.counted = last->counted;
      head.count = last->counted ? last->countAfter : 0;
      head.digest = last->counted ? last->digestAfter : KeyDigest{};
      break;
  }
  return head;
}

}  // namespace holdfast
