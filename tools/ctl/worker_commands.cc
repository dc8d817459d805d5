#include <string>

#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

void writeLocation(JsonWriter& json, schema::LocationInfo::Reader location) {
  json.text("name", viewOf(location.getName()));
  json.text("sync", syncName(location.getSync()));
  json.text("reason", reasonText(location.getReason()));
  json.text("incarnation", hexText(location.getIncarnation()));
  json.number("lastSeq", location.getLastSeq());
  json.number("committedSeq", location.getCommittedSeq());
  json.number("count", location.getCount());
  json.number("pins", location.getPins());
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
        text = location.getReason() == schema::Reason::REPORTS_LOST
                   ? "lost reports: until its worker registers again, or, of an engine's events, "
                     "its cache has been empty once"
                   : "waits for its worker to register";
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
  json.boolean("drained", worker.getDrained());
  writeLabels(json, worker.getLabels());
  writeLoad(json, worker.getLoad());
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
               {"PINNED", kRight},
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
    if (worker.getDrained()) row[2] += " (drained)";
    if (worker.getLocations().size() == 0) {
      row.insert(row.end(), {"-", "", stringOf(worker.getQuarantined()), "", "", "", "", ""});
      table.add(std::move(row));
      continue;
    }
    for (const auto location : worker.getLocations()) {
      row.insert(row.end(),
                 {stringOf(location.getName()) + (location.getHidden() ? " (hidden)" : ""),
                  syncName(location.getSync()), reasonText(location.getReason()),
                  grouped(location.getCount()), grouped(location.getPins()),
                  grouped(location.getLastSeq()), grouped(location.getCommittedSeq()),
                  repairText(location)});
      table.add(std::move(row));
      row.assign(5, "");
    }
  }
  if (!everything && table.empty()) {
    output.out << "no such worker; holdfast-ctl workers without options shows all\n";
    return false;
  }
  table.print(output.out);
  return true;
}

void requireNamed(Controller& controller, const std::string& instance,
                  const std::vector<uint32_t>& workers, const std::string& location) {
  const auto response = queryWorkers(controller, instance, {});
  const auto known = response.getAnswer().getWorkerInfos();
  if (!instance.empty() && known.size() == 0) {
    throw NotFound("there is no instance \"" + instance +
                   "\"; holdfast-ctl instances shows those that there are");
  }
  const std::string of = instance.empty() ? "" : " of instance \"" + instance + "\"";
  for (const uint32_t rank : workers) {
    bool found = false;
    for (const auto one : known) found |= one.getWorkerId() == rank;
    if (found) continue;
    throw NotFound("there is no worker " + std::to_string(rank) + of +
                   "; holdfast-ctl workers shows those that there are");
  }
  if (location.empty()) return;
  for (const auto one : known) {
    for (const auto place : one.getLocations()) {
      if (viewOf(place.getName()) == location) return;
    }
  }
  throw NotFound("there is no location \"" + location + "\"" + of +
                 "; holdfast-ctl workers shows those that there are");
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
  const uint32_t locations = controller.call(request, kPatienceForChanges).getLocations();
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

}  // namespace holdfast::ctl
