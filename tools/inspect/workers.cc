// workers: every worker with its locations, as the store has them.
#include "core/states.h"
#include "inspect/commands.h"
#include "inspect/filter.h"
#include "inspect/registry_view.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;
using text::hexText;
using text::kRight;

// Batches of the full sync under way that are there.
uint64_t storedBatches(FamilyRows& rows, const LocationRecord& location) {
  uint64_t batches = 0;
  const StoreKey prefix = batchesPrefix(location.id, location.building->generation);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) ++batches;
  return batches;
}

uint64_t storedPins(FamilyRows& rows, const LocationRecord& location) {
  uint64_t pins = 0;
  const StoreKey prefix = pinsPrefix(location.id);
  for (rows.seek(prefix); rows.at(prefix); rows.next()) ++pins;
  return pins;
}

// What a start would make of it.
SyncState syncOf(const LocationRecord& location) {
  if (location.building) return SyncState::kSyncing;
  return location.live.hidden ? SyncState::kDiverged : SyncState::kCaughtUp;
}

void writeLocation(text::JsonWriter& json, const LocationHead& location, uint64_t batches,
                   uint64_t pins) {
  const LocationRecord& record = location.record;
  json.beginObject();
  json.text("name", record.name);
  json.text("sync", syncStateName(syncOf(record)));
  json.text("incarnation", hexText(record.live.incarnation));
  json.number("lastSeq", location.lastSeq);
  json.number("count", location.count);
  json.number("pins", pins);
  json.text("digest", hexText(location.digest.a) + hexText(location.digest.b));
  json.boolean("hidden", record.live.hidden);
  json.number("journalOperations", location.journalOperations());
  json.number("id", record.id);
  json.number("generation", record.live.generation);
  json.number("nextGeneration", record.nextGeneration);
  json.number("fold", record.live.fold);
  json.number("stream", record.live.stream);
  json.number("baseSeq", record.live.baseSeq);
  json.number("baseCount", record.live.baseCount);
  json.text("baseDigest", hexText(record.live.baseDigest.a) + hexText(record.live.baseDigest.b));
  if (record.building) {
    json.beginObject("building");
    json.number("generation", record.building->generation);
    json.text("incarnation", hexText(record.building->incarnation));
    json.text("syncId", hexText(record.building->syncId));
    json.number("baseSeq", record.building->baseSeq);
    json.number("batchesStored", batches);
    json.number("batchCount", record.building->batchCount);
    json.number("totalKeys", record.building->totalKeys);
    json.endObject();
  }
  json.endObject();
}

void writeWorker(text::JsonWriter& json, const WorkerRecord& record) {
  json.text("instanceId", record.instance);
  json.number("workerId", record.worker);
  json.text("ip", record.ip);
  json.number("port", record.port);
  json.text("peerInitUrl", record.peerUrl);
  json.text("model", record.model);
  json.number("worldSize", record.worldSize);
  json.text("run", hexText(record.run));
  json.number("attempt", record.attempt);
  json.text("state", workerStateName(record.state));
  json.number("registrationTimeMs", record.registeredWallMs);
  json.number("lastSeenTimeMs", record.lastSeenWallMs);
}

std::string syncText(const LocationRecord& location, uint64_t batches) {
  std::string text(syncStateName(syncOf(location)));
  if (location.building) {
    text += " (" + grouped(batches) + " of " + grouped(location.building->batchCount) + " batches)";
  }
  return text;
}

}  // namespace

ExitCode showWorkers(const StoreReader& reader, const Output& output, const Filter& filter) {
  const RegistryView view = viewRegistry(reader, output.progress);
  text::Table table({{"INSTANCE"},
                     {"RANK", kRight},
                     {"STATE"},
                     {"LAST SEEN"},
                     {"LOCATION"},
                     {"SYNC"},
                     {"CHUNKS", kRight},
                     {"PINNED", kRight},
                     {"SEQ", kRight},
                     {"JOURNAL", kRight},
                     {"GEN.FOLD.STREAM", kRight},
                     {"INCARNATION"},
                     {"KEY DIGEST"}});
  std::optional<text::JsonWriter> json;
  if (output.json) json.emplace(output.out).beginList();
  bool found = false;
  for (const StoredWorker& worker : view.workers) {
    const WorkerRecord& record = worker.head.record;
    if (!wanted(filter, record)) continue;
    std::vector<std::string> row = {record.instance, std::to_string(record.worker),
                                    std::string(workerStateName(record.state)),
                                    text::agoText(record.lastSeenWallMs)};
    found |= filter.locations.empty();
    if (json) {
      json->beginObject();
      writeWorker(*json, record);
      json->beginList("locations");
    } else if (worker.head.locations.empty()) {
      row.resize(13);
      row[4] = "-";
      table.add(row);
    }
    auto rows = reader.rows(worker.family);
    for (const LocationHead& location : worker.head.locations) {
      if (!wanted(filter, location.record)) continue;
      found = true;
      const uint64_t batches = location.record.building ? storedBatches(rows, location.record) : 0;
      const uint64_t pins = storedPins(rows, location.record);
      if (json) {
        writeLocation(*json, location, batches, pins);
        continue;
      }
      const LivePart& live = location.record.live;
      row.insert(
          row.end(),
          {location.record.name + (live.hidden ? " (hidden)" : ""),
           syncText(location.record, batches), grouped(location.count), grouped(pins),
           grouped(location.lastSeq), grouped(location.journalOperations()),
           std::to_string(live.generation) + "." + std::to_string(live.fold) + "." +
               std::to_string(live.stream),
           hexText(live.incarnation), hexText(location.digest.a) + hexText(location.digest.b)});
      table.add(std::move(row));
      row.assign(4, "");
    }
    if (json) {
      json->endList();
      json->endObject();
    }
  }
  if (json) {
    json->endList();
  } else {
    table.print(output.out);
  }
  for (const std::string& one : view.damaged) {
    output.err << "holdfast-inspect: left out, because it cannot be read: " << one << '\n';
  }
  if (!view.damaged.empty()) return kUnreadable;
  return found || asksForAll(filter) ? kDone : kFound;
}

}  // namespace holdfast::inspect
