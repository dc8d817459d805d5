#include "store/worker_head.h"

#include <string>
#include <utility>

#include "format/contents.h"
#include "format/words.h"

namespace holdfast {
namespace {

Error damaged(std::string what) {
  return {ErrorCode::kInvalid, std::move(what)};
}

// The value of this very key; an error if it is not there or cannot be read.
Result<std::string_view> find(StoreReader::Rows& rows, const StoreKey& key, const char* what) {
  rows.seek(key);
  if (rows.valid() && rows.key() == key.view()) return rows.value();
  if (const std::string error = rows.error(); !error.empty()) return damaged(error);
  return damaged(std::string("it has no ") + what);
}

}  // namespace

std::string describe(const LocationRecord& location) {
  return "location '" + location.name + "'";
}

Result<InstanceRecord> readInstanceHead(StoreReader::Rows& rows, const OwnerRecord& owner) {
  const auto value = find(rows, instanceKey(), "instance record");
  if (!value.ok()) return value.error();
  const auto record = decodeInstance(value.value());
  if (!record) return damaged("its instance record does not decode");
  if (record->instance != owner.instance) {
    return damaged("its instance record names instance '" + record->instance + "'");
  }
  return *record;
}

Result<WorkerHead> readWorkerHead(StoreReader::Rows& rows, const OwnerRecord& owner) {
  const auto value = find(rows, workerKey(), "worker record");
  if (!value.ok()) return value.error();
  auto record = decodeWorker(value.value());
  if (!record) return damaged("its worker record does not decode");
  if (record->instance != owner.instance || record->worker != owner.worker) {
    return damaged("its worker record names instance '" + record->instance + "' worker " +
                   std::to_string(record->worker));
  }
  WorkerHead head;
  head.record = std::move(*record);
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
  if (const std::string error = rows.error(); !error.empty()) return damaged(error);
  for (LocationRecord& location : locations) {
    auto read = readLocationHead(rows, std::move(location));
    if (!read.ok()) return read.error();
    head.locations.push_back(std::move(read.value()));
  }
  return head;
}

Result<LocationHead> readLocationHead(StoreReader::Rows& rows, LocationRecord record) {
  LocationHead head;
  head.record = std::move(record);
  const LivePart& live = head.record.live;
  head.lastSeq = live.baseSeq;
  head.count = live.baseCount;
  head.digest = live.baseDigest;
  const StoreKey prefix = journalPrefix(head.record.id, live.generation);
  rows.seekBelow(prefix.end());
  if (const std::string error = rows.error(); !error.empty()) return damaged(error);
  if (!rows.at(prefix)) return head;
  const auto key = parseJournalKey(rows.key());
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(rows.value(), scratch);
  const auto entry = words ? decodeJournal(*words) : std::nullopt;
  if (!key || !entry) {
    return damaged("the newest journal record of " + describe(head.record) + " does not decode");
  }
  // Older streams lead to the base.
  if (key->stream < live.stream) return head;
  if (key->stream > live.stream) {
    return damaged("the journal of " + describe(head.record) + " has a record of stream " +
                   std::to_string(key->stream) + ", which was never begun");
  }
  // In the segments already.
  if (key->firstSeq <= live.baseSeq) return head;
  head.lastSeq = key->firstSeq + entry->operations.size() - 1;
  head.counted = entry->counted;
  head.count = entry->counted ? entry->countAfter : 0;
  head.digest = entry->counted ? entry->digestAfter : KeyDigest{};
  return head;
}

}  // namespace holdfast
