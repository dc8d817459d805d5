#include "commands.h"

#include <map>
#include <string_view>

#include "core/messages.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::ctl {
namespace {

using text::agoText;
using text::bytesText;
using text::durationText;
using text::grouped;
using text::hexText;
using text::JsonWriter;
using text::Table;

constexpr auto kRight = Table::Align::kRight;

std::string_view viewOf(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
std::string stringOf(capnp::Text::Reader text) {
  return std::string(viewOf(text));
}
capnp::Text::Reader textOf(const std::string& text) {
  return {text.data(), text.size()};
}

std::string stateName(schema::WorkerState state) {
  return std::string(workerStateName(static_cast<WorkerState>(state)));
}
std::string syncName(schema::SyncState state) {
  return std::string(syncStateName(static_cast<SyncState>(state)));
}
std::string reasonText(schema::Reason reason) {
  return std::string(reasonName(static_cast<Reason>(reason)));
}

std::string_view phaseName(schema::FullSyncInfo::Phase phase) {
  switch (phase) {
    case schema::FullSyncInfo::Phase::NONE:
      return "none";
    case schema::FullSyncInfo::Phase::QUEUED:
      return "queued";
    case schema::FullSyncInfo::Phase::ASKED:
      return "asked";
    case schema::FullSyncInfo::Phase::RUNNING:
      return "running";
    case schema::FullSyncInfo::Phase::BACKING_OFF:
      return "backing off";
  }
  return "?";
}

void writeLatency(JsonWriter& json, std::string_view key, schema::Latency::Reader latency) {
  json.beginObject(key);
  json.number("count", latency.getCount());
  json.number("p50Us", latency.getP50Us());
  json.number("p99Us", latency.getP99Us());
  json.number("p999Us", latency.getP999Us());
  json.number("maxUs", latency.getMaxUs());
  json.endObject();
}

void writeStatus(JsonWriter& json, schema::StatusRetMsg::Reader s) {
  json.beginObject();
  json.text("version", viewOf(s.getVersion()));
  json.text("clusterId", viewOf(s.getClusterId()));
  json.number("uptimeMs", s.getUptimeMs());
  json.number("instances", s.getInstances());
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
  json.number("fullSyncsRunning", s.getFullSyncsRunning());
  json.number("fullSyncsQueued", s.getFullSyncsQueued());
  json.real("globalProgress", s.getGlobalProgress());
  json.number("chunks", s.getChunks());
  json.number("memberships", s.getMemberships());
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
  writeLatency(json, "lookups", s.getLookups());
  writeLatency(json, "lookupWindow", s.getLookupWindow());
  json.number("recoveryMs", s.getRecoveryMs());
  json.number("recoveredInstances", s.getRecoveredInstances());
  json.number("recoveredWorkers", s.getRecoveredWorkers());
  json.number("recoveredChunks", s.getRecoveredChunks());
  json.number("connections", s.getConnections());
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
  line("recovered", recoveryText(s));
  line("store", storeText(s));
  std::string workers = grouped(s.getWorkersActive()) + " active, " +
                        grouped(s.getWorkersRecovered()) + " recovered, " +
                        grouped(s.getWorkersLost()) + " lost";
  if (s.getWorkersQuarantined() != 0) {
    workers += ", " + grouped(s.getWorkersQuarantined()) + " QUARANTINED";
  }
  line("workers", workers + " in " + grouped(s.getInstances()) + " instances");
  line("locations", grouped(s.getLocations()) + ": " + grouped(s.getLocationsInSync()) +
                        " in sync, " + grouped(s.getLocationsCaughtUp()) + " caught up, " +
                        grouped(s.getLocationsReplaying()) + " replaying, " +
                        grouped(s.getLocationsSyncing()) + " syncing, " +
                        grouped(s.getLocationsDiverged()) + " diverged");
  if (s.getFullSyncsRunning() + s.getFullSyncsQueued() != 0) {
    line("full syncs", grouped(s.getFullSyncsRunning()) + " running, " +
                           grouped(s.getFullSyncsQueued()) + " waiting");
  }
  line("chunks",
       grouped(s.getChunks()) + " distinct, " + grouped(s.getMemberships()) + " memberships");
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

void writeLocation(JsonWriter& json, schema::LocationInfo::Reader location) {
  json.text("name", viewOf(location.getName()));
  json.text("sync", syncName(location.getSync()));
  json.text("reason", reasonText(location.getReason()));
  json.text("incarnation", hexText(location.getIncarnation()));
  json.number("lastSeq", location.getLastSeq());
  json.number("committedSeq", location.getCommittedSeq());
  json.number("count", location.getCount());
  json.text("digest", hexText(location.getDigest().getA()) + hexText(location.getDigest().getB()));
  json.boolean("hidden", location.getHidden());
  json.number("journalOperations", location.getJournalOperations());
  json.number("heldOperations", location.getHeldOperations());
  const auto sync = location.getFullSync();
  json.beginObject("fullSync");
  json.text("phase", phaseName(sync.getPhase()));
  json.number("queuePosition", sync.getQueuePosition());
  json.number("batchCount", sync.getBatchCount());
  json.number("batchesStored", sync.getBatchesStored());
  json.number("totalKeys", sync.getTotalKeys());
  json.number("keysStored", sync.getKeysStored());
  json.number("runningMs", sync.getRunningMs());
  json.number("remainingMs", sync.getRemainingMs());
  json.number("failures", sync.getFailures());
  json.endObject();
}

// What is being done about a location that is not in sync.
std::string repairText(schema::LocationInfo::Reader location) {
  const auto sync = location.getFullSync();
  std::string text;
  switch (sync.getPhase()) {
    case schema::FullSyncInfo::Phase::NONE:
      if (location.getSync() == schema::SyncState::REPLAYING) {
        text = "the worker sends again what is missing";
        if (location.getHeldOperations() != 0) {
          text += ", " + grouped(location.getHeldOperations()) + " operations wait behind it";
        }
      } else if (location.getSync() == schema::SyncState::DIVERGED) {
        text = "waits for its worker to register";
      }
      break;
    case schema::FullSyncInfo::Phase::QUEUED:
      text = "full sync queued, " + grouped(sync.getQueuePosition()) + " before it";
      break;
    case schema::FullSyncInfo::Phase::ASKED:
      text = "full sync asked for";
      break;
    case schema::FullSyncInfo::Phase::RUNNING:
      text = "full sync: " + grouped(sync.getKeysStored()) + " of " + grouped(sync.getTotalKeys()) +
             " keys";
      if (sync.getRemainingMs() != 0) {
        text += ", " + durationText(sync.getRemainingMs()) + " remain";
      }
      break;
    case schema::FullSyncInfo::Phase::BACKING_OFF:
      text = "full sync failed, tried again later";
      break;
  }
  if (sync.getFailures() != 0) text += " (failed " + grouped(sync.getFailures()) + " times)";
  return text;
}

void writeWorker(JsonWriter& json, schema::WorkerInfo::Reader worker) {
  json.beginObject();
  json.text("instanceId", viewOf(worker.getInstanceId()));
  json.number("workerId", worker.getWorkerId());
  json.text("ip", viewOf(worker.getIp()));
  json.number("port", worker.getPort());
  json.text("peerInitUrl", viewOf(worker.getPeerInitUrl()));
  json.text("model", viewOf(worker.getModel()));
  json.text("state", stateName(worker.getState()));
  json.number("registrationTimeMs", worker.getRegistrationTimeMs());
  json.number("lastHeartbeatTimeMs", worker.getLastHeartbeatTimeMs());
  json.text("run", hexText(worker.getRun()));
  json.number("attempt", worker.getAttempt());
  json.text("quarantined", viewOf(worker.getQuarantined()));
  json.beginList("locations");
  for (const auto location : worker.getLocations()) {
    json.beginObject();
    writeLocation(json, location);
    json.endObject();
  }
  json.endList();
  json.endObject();
}

using Workers = capnp::Response<schema::Orchestrator::QueryWorkersResults>;

Workers queryWorkers(Controller& controller, const std::string& instance,
                     const std::vector<uint32_t>& workers) {
  auto request = controller.orchestrator().queryWorkersRequest();
  auto message = request.initMessage();
  message.setInstanceId(textOf(instance));
  message.setWorkerIds(kj::arrayPtr(workers.data(), workers.size()));
  return controller.call(request);
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
  return true;
}

bool showInstances(Controller& controller, const Output& output) {
  struct Summary {
    uint64_t workers = 0;
    uint64_t active = 0;
    uint64_t locations = 0;
    uint64_t inSync = 0;
    uint64_t memberships = 0;
    std::string model;
  };
  const auto response = queryWorkers(controller, {}, {});
  std::map<std::string, Summary> instances;
  for (const auto worker : response.getAnswer().getWorkerInfos()) {
    Summary& one = instances[stringOf(worker.getInstanceId())];
    ++one.workers;
    if (worker.getState() == schema::WorkerState::ACTIVE) ++one.active;
    one.model = stringOf(worker.getModel());
    for (const auto location : worker.getLocations()) {
      ++one.locations;
      if (location.getSync() == schema::SyncState::IN_SYNC) ++one.inSync;
      one.memberships += location.getCount();
    }
  }
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto& [name, one] : instances) {
      json.beginObject();
      json.text("instanceId", name);
      json.text("model", one.model);
      json.number("workers", one.workers);
      json.number("workersActive", one.active);
      json.number("locations", one.locations);
      json.number("locationsInSync", one.inSync);
      json.number("memberships", one.memberships);
      json.endObject();
    }
    json.endList();
  } else {
    Table table({{"INSTANCE"},
                 {"MODEL"},
                 {"WORKERS", kRight},
                 {"ACTIVE", kRight},
                 {"LOCATIONS", kRight},
                 {"IN SYNC", kRight},
                 {"CHUNKS", kRight}});
    for (const auto& [name, one] : instances) {
      table.add({name, one.model, grouped(one.workers), grouped(one.active), grouped(one.locations),
                 grouped(one.inSync), grouped(one.memberships)});
    }
    table.print(output.out);
  }
  return true;
}

bool showWorkers(Controller& controller, const Output& output, const std::string& instance,
                 const std::vector<uint32_t>& workers) {
  const auto response = queryWorkers(controller, instance, workers);
  const auto infos = response.getAnswer().getWorkerInfos();
  const bool everything = instance.empty() && workers.empty();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto worker : infos) writeWorker(json, worker);
    json.endList();
    return everything || infos.size() != 0;
  }
  Table table({{"INSTANCE"},
               {"RANK", kRight},
               {"STATE"},
               {"ADDRESS"},
               {"HEARD OF"},
               {"LOCATION"},
               {"SYNC"},
               {"WHY"},
               {"CHUNKS", kRight},
               {"SEQ", kRight},
               {"COMMITTED", kRight},
               {"REPAIR"}});
  for (const auto worker : infos) {
    std::vector<std::string> row = {
        stringOf(worker.getInstanceId()), std::to_string(worker.getWorkerId()),
        stateName(worker.getState()),
        stringOf(worker.getIp()) + ":" + std::to_string(worker.getPort()),
        agoText(worker.getLastHeartbeatTimeMs())};
    if (worker.getQuarantined().size() != 0) row[2] += " (quarantined)";
    if (worker.getLocations().size() == 0) {
      row.insert(row.end(), {"-", "", stringOf(worker.getQuarantined()), "", "", "", ""});
      table.add(std::move(row));
      continue;
    }
    for (const auto location : worker.getLocations()) {
      row.insert(row.end(),
                 {stringOf(location.getName()) + (location.getHidden() ? " (hidden)" : ""),
                  syncName(location.getSync()), reasonText(location.getReason()),
                  grouped(location.getCount()), grouped(location.getLastSeq()),
                  grouped(location.getCommittedSeq()), repairText(location)});
      table.add(std::move(row));
      row.assign(5, "");
    }
  }
  table.print(output.out);
  return everything || !table.empty();
}

bool showInstanceOfIp(Controller& controller, const Output& output, const std::string& ip) {
  auto request = controller.orchestrator().queryInstanceRequest();
  request.initMessage().setIp(textOf(ip));
  const auto response = controller.call(request);
  const auto instance = viewOf(response.getAnswer().getInstanceId());
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.text("ip", ip);
    json.text("instanceId", instance);
    json.endObject();
  } else if (instance.empty()) {
    output.out << "no worker is registered with ip " << ip << '\n';
  } else {
    output.out << instance << '\n';
  }
  return !instance.empty();
}

bool showDiverged(Controller& controller, const Output& output) {
  const auto response = controller.call(controller.op().divergedRequest());
  const auto locations = response.getAnswer().getLocations();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto one : locations) {
      json.beginObject();
      json.text("instanceId", viewOf(one.getInstanceId()));
      json.number("workerId", one.getWorkerId());
      writeLocation(json, one.getInfo());
      json.endObject();
    }
    json.endList();
  } else if (locations.size() == 0) {
    output.out << "no location needs a repair\n";
  } else {
    Table table({{"INSTANCE"},
                 {"RANK", kRight},
                 {"LOCATION"},
                 {"SYNC"},
                 {"WHY"},
                 {"CHUNKS", kRight},
                 {"REPAIR"}});
    for (const auto one : locations) {
      table.add({stringOf(one.getInstanceId()), std::to_string(one.getWorkerId()),
                 stringOf(one.getInfo().getName()), syncName(one.getInfo().getSync()),
                 reasonText(one.getInfo().getReason()), grouped(one.getInfo().getCount()),
                 repairText(one.getInfo())});
    }
    table.print(output.out);
  }
  return true;
}

bool forceSync(Controller& controller, const Output& output, const std::string& instance,
               uint32_t worker, const std::string& location) {
  auto request = controller.op().forceSyncRequest();
  auto message = request.initMessage();
  message.setInstanceId(textOf(instance));
  message.setWorkerId(worker);
  message.setLocation(textOf(location));
  const uint32_t locations = controller.call(request).getLocations();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginObject();
    json.number("locations", locations);
    json.endObject();
  } else {
    output.out << grouped(locations) << (locations == 1 ? " location" : " locations")
               << " will be synced; holdfast-ctl diverged shows how far it is\n";
  }
  return locations != 0;
}

bool showLookup(Controller& controller, const Output& output, const Prompt& prompt) {
  auto request = controller.orchestrator().lookupRequest();
  auto message = request.initMessage();
  message.setModel(textOf(prompt.model));
  if (prompt.tokens) {
    message.setTokens(kj::arrayPtr(prompt.tokens->data(), prompt.tokens->size()));
  } else {
    message.setHashes(kj::arrayPtr(prompt.hashes->data(), prompt.hashes->size()));
  }
  const auto response = controller.call(request);
  const auto layouts = response.getAnswer().getLayoutInfo();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto layout : layouts) {
      json.beginObject();
      json.text("instanceId", viewOf(layout.getInstanceId()));
      json.text("location", viewOf(layout.getLocation()));
      json.number("matchedEnd", layout.getMatchedEnd());
      json.number("allRanksEnd", layout.getAllRanksEnd());
      json.number("matchedChunks", layout.getMatchedChunks());
      json.number("allRanksChunks", layout.getAllRanksChunks());
      json.boolean("unconfirmed", layout.getUnconfirmed());
      json.beginObject("hits");
      for (const auto hit : layout.getHits()) {
        json.number(viewOf(hit.getLocation()), hit.getChunks());
      }
      json.endObject();
      json.endObject();
    }
    json.endList();
  } else if (layouts.size() == 0) {
    output.out << "nobody holds the first chunk\n";
  } else {
    Table table({{"INSTANCE"},
                 {"LOCATION"},
                 {"MATCHED TOKENS", kRight},
                 {"ALL RANKS", kRight},
                 {"CHUNKS", kRight},
                 {"NOTE"}});
    for (const auto layout : layouts) {
      table.add({stringOf(layout.getInstanceId()), stringOf(layout.getLocation()),
                 grouped(layout.getMatchedEnd()), grouped(layout.getAllRanksEnd()),
                 grouped(layout.getMatchedChunks()),
                 layout.getUnconfirmed() ? "recovered, not yet confirmed by the worker" : ""});
    }
    table.print(output.out);
  }
  return true;
}

}  // namespace holdfast::ctl
