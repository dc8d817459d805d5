#include <algorithm>
#include <string>

#include "commands.h"
#include "describe.h"

namespace holdfast::ctl {
namespace {

using Instance = schema::InstanceInfo::Reader;

struct Sums {
  uint64_t active = 0;
  uint64_t locations = 0;
  uint64_t inSync = 0;
  uint64_t hidden = 0;
  uint64_t memberships = 0;
};

Sums sumsOf(Instance instance) {
  Sums sums;
  for (const auto rank : instance.getRanks()) {
    if (rank.getState() == schema::WorkerState::ACTIVE) ++sums.active;
    sums.locations += rank.getLocations();
    sums.inSync += rank.getLocationsInSync();
    sums.hidden += rank.getLocationsHidden();
    sums.memberships += rank.getMemberships();
  }
  return sums;
}

std::string_view hiddenName(schema::InstanceHidden hidden) {
  switch (hidden) {
    case schema::InstanceHidden::NO:
      return "no";
    case schema::InstanceHidden::DRAINED:
      return "drained";
    case schema::InstanceHidden::LOST:
      return "lost";
    case schema::InstanceHidden::DIVERGED:
      return "diverged";
  }
  return "unknown";
}

// Whether look-ups name it, for people.
std::string lookUpsText(Instance instance) {
  switch (instance.getHidden()) {
    case schema::InstanceHidden::NO:
      return "named";
    case schema::InstanceHidden::LOST:
      return "hidden: LOST";
    default:
      return "hidden: " + std::string(hiddenName(instance.getHidden()));
  }
}

void writeInstance(JsonWriter& json, Instance instance) {
  const Sums sums = sumsOf(instance);
  json.beginObject();
  json.text("instanceId", viewOf(instance.getInstanceId()));
  json.text("model", viewOf(instance.getModel()));
  json.number("worldSize", instance.getWorldSize());
  json.boolean("drained", instance.getDrained());
  json.text("hidden", hiddenName(instance.getHidden()));
  writeEndpoint(json, instance.getEndpoint());
  writeLoad(json, instance.getLoad());
  json.number("createdMs", instance.getCreatedMs());
  json.number("workers", instance.getRanks().size());
  json.number("workersActive", sums.active);
  json.number("locations", sums.locations);
  json.number("locationsInSync", sums.inSync);
  json.number("locationsHidden", sums.hidden);
  json.number("memberships", sums.memberships);
  json.text("contradiction", viewOf(instance.getContradiction()));
  json.text("missingRanks", viewOf(instance.getMissingRanks()));
  json.beginList("ranks");
  for (const auto rank : instance.getRanks()) {
    json.beginObject();
    json.number("workerId", rank.getWorkerId());
    json.text("state", stateName(rank.getState()));
    json.boolean("quarantined", rank.getQuarantined());
    json.number("locations", rank.getLocations());
    json.number("locationsInSync", rank.getLocationsInSync());
    json.number("locationsHidden", rank.getLocationsHidden());
    json.number("memberships", rank.getMemberships());
    writeLoad(json, rank.getLoad());
    json.endObject();
  }
  json.endList();
  json.endObject();
}

}  // namespace

bool showInstances(Controller& controller, const Output& output, const std::string& instance) {
  auto request = controller.orchestrator().instancesRequest();
  request.initMessage().setInstanceId(textOf(instance));
  const auto response = controller.call(request);
  const auto found = response.getAnswer().getInstances();
  if (output.json) {
    JsonWriter json(output.out);
    json.beginList();
    for (const auto one : found) writeInstance(json, one);
    json.endList();
  } else if (found.size() == 0 && !instance.empty()) {
    output.out << "no such instance; holdfast-ctl instances without options shows all\n";
  } else {
    Table table({{"INSTANCE"},
                 {"MODEL"},
                 {"WORKERS", kRight},
                 {"ACTIVE", kRight},
                 {"LOCATIONS", kRight},
                 {"IN SYNC", kRight},
                 {"CHUNKS", kRight},
                 {"LOAD", kRight},
                 {"LOOK-UPS"},
                 {"ADDRESS"},
                 {"LABELS"}});
    for (const auto one : found) {
      const Sums sums = sumsOf(one);
      const auto at = one.getEndpoint();
      table.add({stringOf(one.getInstanceId()), stringOf(one.getModel()),
                 grouped(one.getRanks().size()), grouped(sums.active), grouped(sums.locations),
                 grouped(sums.inSync), grouped(sums.memberships), loadText(one.getLoad()),
                 lookUpsText(one), addressText(at.getIp(), at.getPort()),
                 labelsText(at.getLabels())});
    }
    table.print(output.out);
  }
  return instance.empty() || found.size() != 0;
}

}  // namespace holdfast::ctl
