#include <string>
#include <string_view>

#include "commands.h"
#include "describe.h"
#include "wire/enums.h"

namespace holdfast::ctl {
namespace {

void writeLatency(JsonWriter& json, std::string_view key, schema::Latency::Reader latency) {
  json.beginObject(key);
  json.number("count", latency.getCount());
  json.number("p50Us", latency.getP50Us());
  json.number("p99Us", latency.getP99Us());
  json.number("p999Us", latency.getP999Us());
  json.number("maxUs", latency.getMaxUs());
  json.endObject();
}

void writeReplica(JsonWriter& json, schema::ReplicaInfo::Reader replica) {
  json.beginObject("replica");
  json.text("role", enumerantName(replica.getRole()));
  json.number("epoch", replica.getEpoch());
  json.number("index", replica.getIndex());
  json.number("lag", replica.getLag());
  json.number("ageMs", replica.getAgeMs());
  json.text("leader", viewOf(replica.getLeader()));
  json.text("log", viewOf(replica.getLog()));
  json.endObject();
}

void writeStatus(JsonWriter& json, schema::StatusRetMsg::Reader s) {
  json.beginObject();
  json.text("version", viewOf(s.getVersion()));
  json.text("clusterId", viewOf(s.getClusterId()));
  json.number("uptimeMs", s.getUptimeMs());
  json.number("instances", s.getInstances());
  json.number("instancesContradicting", s.getInstancesContradicting());
  json.number("instancesDrained", s.getInstancesDrained());
  json.number("workersActive", s.getWorkersActive());
  json.number("workersLost", s.getWorkersLost());
  json.number("workersRecovered", s.getWorkersRecovered());
  json.number("workersQuarantined", s.getWorkersQuarantined());
  json.number("locations", s.getLocations());
  json.number("locationsInSync", s.getLocationsInSync());
  json.number("locationsCaughtUp", s.getLocationsCaughtUp());
  json.number("locationsReplaying", s.getLocationsReplaying());
  json.number("locationsDiverged", s.getLocationsDiverged());
  json.number("locationsSyncing", s.getLocationsSyncing());
  json.number("locationsHidden", s.getLocationsHidden());
  json.number("fullSyncsRunning", s.getFullSyncsRunning());
  json.number("fullSyncsQueued", s.getFullSyncsQueued());
  json.real("globalProgress", s.getGlobalProgress());
  json.number("eventsUnfinished", s.getEventsUnfinished());
  json.number("eventsFinished", s.getEventsFinished());
  json.number("chunks", s.getChunks());
  json.number("memberships", s.getMemberships());
  json.number("pins", s.getPins());
  json.number("indexBytes", s.getIndexBytes());
  json.number("residentBytes", s.getResidentBytes());
  json.number("diskBytes", s.getDiskBytes());
  json.boolean("storeWritable", s.getStoreWritable());
  json.text("storeReason", viewOf(s.getStoreReason()));
  json.number("storeQueueBytes", s.getStoreQueueBytes());
  json.text("contentDigest", viewOf(s.getContentDigest()));
  json.text("registryDigest", viewOf(s.getRegistryDigest()));
  json.boolean("committed", s.getCommitted());
  json.beginObject("counters");
  for (const auto counter : s.getCounters()) {
    json.number(viewOf(counter.getName()), counter.getValue());
  }
  json.endObject();
  json.beginObject("limits");
  for (const auto limit : s.getLimits()) {
    json.beginObject(viewOf(limit.getName()));
    json.number("used", limit.getUsed());
    json.number("max", limit.getMax());
    json.endObject();
  }
  json.endObject();
  writeLatency(json, "lookups", s.getLookups());
  writeLatency(json, "lookupWindow", s.getLookupWindow());
  json.number("recoveryMs", s.getRecoveryMs());
  json.number("recoveredInstances", s.getRecoveredInstances());
  json.number("recoveredWorkers", s.getRecoveredWorkers());
  json.number("recoveredChunks", s.getRecoveredChunks());
  json.number("connections", s.getConnections());
  json.text("auth", viewOf(s.getAuth()));
  writeReplica(json, s.getReplica());
  json.endObject();
}

std::string latencyText(schema::Latency::Reader latency) {
  if (latency.getCount() == 0) return "none yet";
  return grouped(latency.getCount()) + ": p50 " + grouped(latency.getP50Us()) + " us, p99 " +
         grouped(latency.getP99Us()) + " us, p99.9 " + grouped(latency.getP999Us()) +
         " us, longest " + grouped(latency.getMaxUs()) + " us";
}

std::string recoveryText(schema::StatusRetMsg::Reader s) {
  return grouped(s.getRecoveredInstances()) + " instances, " + grouped(s.getRecoveredWorkers()) +
         " workers, " + grouped(s.getRecoveredChunks()) + " chunks in " +
         durationText(s.getRecoveryMs());
}

std::string storeText(schema::StatusRetMsg::Reader s) {
  if (!s.getStoreWritable()) return "READ-ONLY: " + stringOf(s.getStoreReason());
  return bytesText(s.getDiskBytes()) + " on disk, " +
         (s.getCommitted() ? "everything committed"
                           : bytesText(s.getStoreQueueBytes()) + " queued");
}

void printStatus(std::ostream& out, schema::StatusRetMsg::Reader s) {
  const auto line = [&](const char* what, const std::string& value) {
    out << what << std::string(14 - std::string_view(what).size(), ' ') << value << '\n';
  };
  line("controller",
       "holdfastd " + stringOf(s.getVersion()) + ", cluster " + stringOf(s.getClusterId()));
  line("up", durationText(s.getUptimeMs()) + ", " + grouped(s.getConnections()) + " connections");
  if (s.getAuth() == "off") {
    line("access", "authentication is OFF: whoever reaches it has every right (--auth off)");
  }
  const auto replica = s.getReplica();
  if (replica.getRole() != schema::ReplicaRole::ALONE) {
    line("group", enumerantName(replica.getRole()) + " in epoch " + grouped(replica.getEpoch()) +
                      ", index " + grouped(replica.getIndex()) +
                      (viewOf(replica.getLeader()).empty()
                           ? ""
                           : ", the leader is " + stringOf(replica.getLeader())));
  }
  line("recovered", recoveryText(s));
  line("store", storeText(s));
  std::string workers = grouped(s.getWorkersActive()) + " active, " +
                        grouped(s.getWorkersRecovered()) + " recovered, " +
                        grouped(s.getWorkersLost()) + " lost";
  if (s.getWorkersQuarantined() != 0) {
    workers += ", " + grouped(s.getWorkersQuarantined()) + " QUARANTINED";
  }
  if (s.getInstancesContradicting() != 0) {
    workers += "; the ranks of " + grouped(s.getInstancesContradicting()) +
               " instances contradict each other";
  }
  if (s.getInstancesDrained() != 0) {
    workers += "; " + grouped(s.getInstancesDrained()) + " instances drained";
  }
  line("workers", workers + " in " + grouped(s.getInstances()) + " instances");
  line("locations", grouped(s.getLocations()) + ": " + grouped(s.getLocationsInSync()) +
                        " in sync, " + grouped(s.getLocationsCaughtUp()) + " caught up, " +
                        grouped(s.getLocationsReplaying()) + " replaying, " +
                        grouped(s.getLocationsSyncing()) + " syncing, " +
                        grouped(s.getLocationsDiverged()) + " diverged" +
                        (s.getLocationsHidden() == 0
                             ? ""
                             : "; " + grouped(s.getLocationsHidden()) + " not looked up"));
  if (s.getFullSyncsRunning() + s.getFullSyncsQueued() != 0) {
    line("full syncs", grouped(s.getFullSyncsRunning()) + " running, " +
                           grouped(s.getFullSyncsQueued()) + " waiting");
  }
  if (s.getEventsUnfinished() + s.getEventsFinished() != 0) {
    line("operations", grouped(s.getEventsUnfinished()) + " under way, " +
                           grouped(s.getEventsFinished()) + " ended and remembered");
  }
  line("chunks",
       grouped(s.getChunks()) + " distinct, " + grouped(s.getMemberships()) + " memberships");
  if (s.getPins() != 0) line("pins", grouped(s.getPins()) + " memberships are pinned");
  std::string limits;
  for (const auto limit : s.getLimits()) {
    limits += (limits.empty() ? "" : ", ") + stringOf(limit.getName()) + " " +
              grouped(limit.getUsed()) + " of " + grouped(limit.getMax());
  }
  if (!limits.empty()) line("limits", limits);
  line("memory", bytesText(s.getResidentBytes()) + " resident, " + bytesText(s.getIndexBytes()) +
                     " of it the index");
  line("look-ups", latencyText(s.getLookups()));
  line("digests", "content " + stringOf(s.getContentDigest()));
  line("", "registry " + stringOf(s.getRegistryDigest()));
  std::string counters;
  for (const auto counter : s.getCounters()) {
    if (counter.getValue() == 0) continue;
    counters += (counters.empty() ? "" : ", ") + stringOf(counter.getName()) + " " +
                grouped(counter.getValue());
  }
  line("counters", counters.empty() ? "all 0" : counters);
}

}  // namespace

bool showStatus(Controller& controller, const Output& output, bool resetLookupWindow) {
  auto request = controller.op().statusRequest();
  request.initMessage().setResetLookupWindow(resetLookupWindow);
  const auto response = controller.call(request);
  if (output.json) {
    JsonWriter json(output.out);
    writeStatus(json, response.getAnswer());
  } else {
    printStatus(output.out, response.getAnswer());
  }
  return response.getAnswer().getStoreWritable();
}

}  // namespace holdfast::ctl
