#include "http/write_views.h"

#include "core/decisions.h"
#include "core/states.h"

namespace holdfast::http {
namespace {

std::string_view phaseName(FullSyncTracker::Phase phase) {
  switch (phase) {
    case FullSyncTracker::Phase::kNone:
      return "none";
    case FullSyncTracker::Phase::kQueued:
      return "queued";
    case FullSyncTracker::Phase::kAsked:
      return "asked";
    case FullSyncTracker::Phase::kRunning:
      return "running";
    case FullSyncTracker::Phase::kBackingOff:
      return "backing off";
  }
  return "?";
}

void writeFullSync(JsonWriter& json, const queries::FullSyncView& sync) {
  json.beginObject()
      .text("phase", phaseName(sync.phase))
      .number("queuePosition", sync.queuePosition)
      .number("batchCount", sync.batchCount)
      .number("batchesStored", sync.batchesStored)
      .number("totalKeys", sync.totalKeys)
      .number("keysStored", sync.keysStored)
      .number("runningMs", sync.runningMs)
      .number("remainingMs", sync.remainingMs)
      .number("failures", sync.failures)
      .endObject();
}

void writeLocation(JsonWriter& json, const queries::LocationView& location) {
  json.text("name", location.name)
      .text("sync", syncStateName(location.sync))
      .text("reason", reasonName(location.reason))
      .text("incarnation", hexText(location.incarnation))
      .number("lastSeq", location.lastSeq)
      .number("committedSeq", location.committedSeq)
      .number("count", location.count)
      .number("pins", location.pins)
      .text("digest", hexText(location.digest.a) + hexText(location.digest.b))
      .boolean("hidden", location.hidden)
      .number("journalOperations", location.journalOperations)
      .number("heldOperations", location.heldOperations)
      .key("fullSync");
  writeFullSync(json, location.fullSync);
}

void writeLabels(JsonWriter& json, const Labels& labels) {
  json.key("labels").beginObject();
  for (const Label& label : labels) json.freeKey(label.key).text(label.value);
  json.endObject();
}

void writeLoad(JsonWriter& json, Load load) {
  if (load != kLoadUnknown) json.number("load", load);
}

}  // namespace

std::string hexText(uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = text.size(); i-- > 0; value >>= 4) text[i] = kDigits[value & 15];
  return text;
}

void write(JsonWriter& json, const queries::InstanceView& instance) {
  json.beginObject()
      .text("instanceId", instance.instance)
      .text("model", instance.model)
      .boolean("drained", instance.drained)
      .text("hidden", instanceHiddenName(instance.hidden))
      .key("endpoint")
      .beginObject()
      .text("ip", instance.ip)
      .number("port", instance.port)
      .text("peerInitUrl", instance.peerUrl);
  writeLabels(json, instance.labels);
  json.endObject();
  writeLoad(json, instance.load);
  json.number("createdMs", instance.createdWallMs)
      .number("worldSize", instance.worldSize)
      .text("contradiction", instance.contradiction)
      .text("missingRanks", instance.missingRanks)
      .key("ranks")
      .beginList();
  uint64_t active = 0;
  uint64_t locations = 0;
  uint64_t inSync = 0;
  uint64_t memberships = 0;
  for (const queries::RankView& rank : instance.ranks) {
    if (rank.state == WorkerState::kActive) ++active;
    locations += rank.locations;
    inSync += rank.locationsInSync;
    memberships += rank.memberships;
    json.beginObject()
        .number("workerId", rank.worker)
        .text("state", workerStateName(rank.state))
        .boolean("quarantined", rank.quarantined)
        .number("locations", rank.locations)
        .number("locationsInSync", rank.locationsInSync)
        .number("locationsHidden", rank.locationsHidden)
        .number("memberships", rank.memberships);
    writeLoad(json, rank.load);
    json.endObject();
  }
  json.endList()
      .number("workers", instance.ranks.size())
      .number("workersActive", active)
      .number("locations", locations)
      .number("locationsInSync", inSync)
      .number("memberships", memberships)
      .endObject();
}

void write(JsonWriter& json, const queries::WorkerView& worker) {
  json.beginObject()
      .text("instanceId", worker.instance)
      .number("workerId", worker.worker)
      .text("ip", worker.ip)
      .number("port", worker.port)
      .text("peerInitUrl", worker.peerUrl)
      .text("model", worker.model)
      .text("state", workerStateName(worker.state))
      .number("registrationTimeMs", worker.registeredWallMs)
      .number("lastHeartbeatTimeMs", worker.lastSeenWallMs)
      .text("run", hexText(worker.run))
      .number("attempt", worker.attempt)
      .text("quarantined", worker.quarantined)
      .boolean("drained", worker.drained)
      .number("worldSize", worker.worldSize)
      .text("contradiction", worker.contradiction);
  writeLabels(json, worker.labels);
  writeLoad(json, worker.load);
  json.key("locations").beginList();
  for (const queries::LocationView& location : worker.locations) {
    json.beginObject();
    writeLocation(json, location);
    json.endObject();
  }
  json.endList().endObject();
}

void write(JsonWriter& json, const queries::DivergedView& diverged) {
  json.beginObject().text("instanceId", diverged.instance).number("workerId", diverged.worker);
  writeLocation(json, diverged.location);
  json.endObject();
}

void write(JsonWriter& json, const queries::PinView& pin, bool withChunks) {
  json.beginObject()
      .text("instanceId", pin.instance)
      .number("workerId", pin.worker)
      .text("location", pin.location)
      .text("eventId", pin.eventId)
      .number("chunks", pin.chunks)
      .number("pinnedMs", pin.pinnedWallMs)
      .number("expiresMs", pin.expiresWallMs);
  if (withChunks) json.hashes("hashes", pin.hashes);
  json.endObject();
}

void write(JsonWriter& json, const RankRecord& rank) {
  json.beginObject()
      .number("workerId", rank.worker)
      .text("status", rankStatusName(rank.status))
      .number("numTokens", rank.numTokens)
      .key("errorCode")
      .signedNumber(rank.errorCode)
      .text("error", rank.error.string())
      .endObject();
}

void writeMembers(JsonWriter& json, const EventRecord& event, const EventSummary& summary) {
  json.text("eventId", event.id)
      .text("kind", operationName(event.kind))
      .text("instanceId", event.instance)
      .text("location", event.location)
      .text("newInstanceId", event.toInstance.string())
      .text("newLocation", event.toLocation.string())
      .text("method", event.method.string())
      .boolean("copy", event.copy)
      .number("chunks", event.chunks)
      .number("ttlSeconds", event.ttlSeconds)
      .text("status", eventStatusName(summary.status))
      .number("numTokens", summary.numTokens)
      .text("error", summary.error)
      .number("createdMs", event.createdWallMs)
      .number("finishedMs", event.finishedWallMs);
}

}  // namespace holdfast::http
