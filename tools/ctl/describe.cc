#include "describe.h"

#include <iomanip>
#include <sstream>

#include "core/decisions.h"
#include "core/states.h"
#include "wire/endpoints.h"

namespace holdfast::ctl {

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

std::string loadText(uint32_t load) {
  const StatedLoad stated = statedLoad(load);
  if (!stated) return {};
  std::ostringstream text;
  text << std::fixed << std::setprecision(2) << *stated;
  return text.str();
}

std::string addressText(capnp::Text::Reader ip, uint32_t port) {
  if (port == 0) return stringOf(ip);
  return stringOf(ip) + ":" + std::to_string(port);
}

std::string labelsText(capnp::List<schema::Label>::Reader labels) {
  std::string text;
  for (const auto label : labels) {
    text +=
        (text.empty() ? "" : ", ") + stringOf(label.getKey()) + "=" + stringOf(label.getValue());
  }
  return text;
}

void writeLoad(JsonWriter& json, uint32_t load) {
  if (const StatedLoad stated = statedLoad(load)) json.real("load", *stated);
}

void writeLabels(JsonWriter& json, capnp::List<schema::Label>::Reader labels) {
  json.beginObject("labels");
  for (const auto label : labels) json.text(viewOf(label.getKey()), viewOf(label.getValue()));
  json.endObject();
}

void writeEndpoint(JsonWriter& json, schema::Endpoint::Reader endpoint) {
  json.beginObject("endpoint");
  json.text("ip", viewOf(endpoint.getIp()));
  json.number("port", endpoint.getPort());
  json.text("peerInitUrl", viewOf(endpoint.getPeerInitUrl()));
  writeLabels(json, endpoint.getLabels());
  json.endObject();
}

}  // namespace holdfast::ctl
