#include "http/status_text.h"

#include <functional>

#include "core/queries/status.h"
#include "http/json.h"

namespace holdfast::http {
namespace {

uint64_t ask(const std::function<uint64_t()>& question) {
  return question ? question() : 0;
}

uint64_t microseconds(uint64_t nanoseconds) {
  return (nanoseconds + 999) / 1000;
}

void writeLatency(JsonWriter& json, std::string_view name, const LatencyHistogram& latencies) {
  json.key(name)
      .beginObject()
      .number("count", latencies.count())
      .number("p50Us", microseconds(latencies.percentileNs(0.5)))
      .number("p99Us", microseconds(latencies.percentileNs(0.99)))
      .number("p999Us", microseconds(latencies.percentileNs(0.999)))
      .number("maxUs", microseconds(latencies.maxNs()))
      .endObject();
}

void writeRegistry(JsonWriter& json, const queries::Status& status) {
  json.number("instances", status.instances)
      .number("instancesContradicting", status.instancesContradicting)
      .number("workersActive", status.workersActive)
      .number("workersLost", status.workersLost)
      .number("workersRecovered", status.workersRecovered)
      .number("workersQuarantined", status.workersQuarantined)
      .number("locations", status.locations)
      .number("locationsInSync", status.locationsIn(SyncState::kInSync))
      .number("locationsCaughtUp", status.locationsIn(SyncState::kCaughtUp))
      .number("locationsReplaying", status.locationsIn(SyncState::kReplaying))
      .number("locationsDiverged", status.locationsIn(SyncState::kDiverged))
      .number("locationsSyncing", status.locationsIn(SyncState::kSyncing))
      .number("fullSyncsRunning", status.fullSyncsRunning)
      .number("fullSyncsQueued", status.fullSyncsQueued)
      .real("globalProgress", status.globalProgress)
      .number("eventsUnfinished", status.eventsUnfinished)
      .number("eventsFinished", status.eventsFinished)
      .number("chunks", status.chunks)
      .number("memberships", status.memberships)
      .number("pins", status.pins)
      .number("indexBytes", status.indexBytes);
}

void writeLimits(JsonWriter& json, const queries::Status& status) {
  json.key("limits").beginObject();
  for (const LimitUse& use : status.limits) {
    json.key(limitName(use.limit))
        .beginObject()
        .number("used", use.used)
        .number("max", use.max)
        .endObject();
  }
  json.endObject();
}

void writeReplica(JsonWriter& json, const ReplicaView& replica) {
  json.key("replica")
      .beginObject()
      .text("role", replicaRoleName(replica.role))
      .number("epoch", replica.epoch)
      .number("index", replica.index)
      .number("ageMs", replica.ageMs)
      .number("lag", replica.lag)
      .text("leader", replica.leader)
      .text("log", replica.log)
      .endObject();
}

void writeCounters(JsonWriter& json, const queries::Status& status) {
  json.key("counters").beginObject();
  for (const auto& [name, value] : named(status.counters)) json.number(name, value);
  json.endObject();
}

}  // namespace

std::string statusText(const Services& services) {
  const ProcessFacts& facts = services.facts;
  const queries::Status status = queries::statusOf(services.registry, services.executor);
  const StoreHealth health = services.store.health();
  std::string text;
  JsonWriter json(text);
  json.beginObject()
      .text("version", facts.version)
      .text("clusterId", facts.clusterId)
      .number("uptimeMs", ask(facts.uptimeMs));
  writeRegistry(json, status);
  json.number("residentBytes", ask(facts.residentBytes))
      .number("diskBytes", ask(facts.diskBytes))
      .boolean("storeWritable", health.writable)
      .text("storeReason", health.reason)
      .number("storeQueueBytes", ask(facts.storeQueueBytes))
      .text("contentDigest", status.contentDigest.hex())
      .text("registryDigest", status.registryDigest.hex())
      .boolean("committed", status.committed);
  writeCounters(json, status);
  writeLimits(json, status);
  writeLatency(json, "lookups", services.lookups);
  writeLatency(json, "lookupWindow", services.lookupWindow);
  json.number("recoveryMs", facts.recoveryMs)
      .number("recoveredInstances", facts.recovery.instances)
      .number("recoveredWorkers", facts.recovery.workers)
      .number("recoveredChunks", facts.recovery.chunks)
      .number("connections", services.connections);
  writeReplica(json, services.group.view());
  json.endObject();
  return text;
}

}  // namespace holdfast::http
