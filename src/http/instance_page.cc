#include "http/instance_page.h"

#include <utility>

#include "core/states.h"
#include "http/list_page.h"

namespace holdfast::http {
namespace {

queries::WorkerFilter filterOf(const std::string& instance, const std::string& after) {
  queries::WorkerFilter filter{.instance = instance, .workers = {}};
  if (!after.empty()) filter.after.emplace(after, UINT32_MAX);
  return filter;
}

}  // namespace

InstancePage::InstancePage(const Registry& registry, const std::string& instance,
                           const std::string& after, size_t max)
    : cursor_(registry, filterOf(instance, after)), max_(max), json_(reply_.body) {
  json_.beginObject().key("instances").beginList();
}

bool InstancePage::step() {
  found_.clear();
  const bool more = cursor_.next(found_, kWorkOfPage);
  for (const queries::WorkerView& worker : found_) {
    if (worker.instance != instance_) {
      if (!instance_.empty()) end();
      if (full()) {
        // The walk begins anew behind it; what else this piece has found comes then.
        json_.endList().text("next", instance_).endObject();
        return false;
      }
      begin(worker);
    }
    add(worker);
  }
  if (more) return true;
  if (!instance_.empty()) end();
  json_.endList().endObject();
  return false;
}

bool InstancePage::full() const {
  return entries_ >= max_ || reply_.body.size() >= kPageBytesMax;
}

void InstancePage::begin(const queries::WorkerView& worker) {
  instance_ = worker.instance;
  sums_ = {};
  json_.beginObject()
      .text("instanceId", worker.instance)
      .text("model", worker.model)
      .boolean("drained", worker.drained)
      .text("contradiction", worker.contradiction)
      .key("ranks")
      .beginList();
}

void InstancePage::add(const queries::WorkerView& worker) {
  ++sums_.workers;
  if (worker.state == WorkerState::kActive) ++sums_.active;
  sums_.locations += worker.locations.size();
  for (const queries::LocationView& location : worker.locations) {
    if (location.sync == SyncState::kInSync) ++sums_.inSync;
    sums_.memberships += location.count;
  }
  json_.beginObject()
      .number("workerId", worker.worker)
      .text("state", workerStateName(worker.state))
      .text("ip", worker.ip)
      .number("port", worker.port)
      .text("peerInitUrl", worker.peerUrl)
      .number("worldSize", worker.worldSize)
      .endObject();
}

void InstancePage::end() {
  json_.endList()
      .number("workers", sums_.workers)
      .number("workersActive", sums_.active)
      .number("locations", sums_.locations)
      .number("locationsInSync", sums_.inSync)
      .number("memberships", sums_.memberships)
      .endObject();
  ++entries_;
}

}  // namespace holdfast::http
