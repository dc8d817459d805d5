#include "core/queries/instances.h"

#include "core/registry/instance_ranks.h"

namespace holdfast::queries {

std::string_view instanceHiddenName(InstanceHidden hidden) {
  switch (hidden) {
    case InstanceHidden::kNo:
      return "no";
    case InstanceHidden::kDrained:
      return "drained";
    case InstanceHidden::kLost:
      return "lost";
    case InstanceHidden::kDiverged:
      return "diverged";
  }
  return "unknown";
}

WorkerFilter InstanceCursor::filterOf(std::string instance, const std::string& after) {
  WorkerFilter filter{.instance = std::move(instance), .workers = {}};
  if (!after.empty()) filter.after.emplace(after, UINT32_MAX);
  return filter;
}

void InstanceCursor::begin(const Instance& instance) {
  anyThere_ = anyHidden_ = anyVisible_ = false;
  InstanceView& view = current_.emplace();
  view.instance = instance.record.instance;
  view.worldSize = statedWorldSize(instance);
  view.drained = instance.record.drained;
  view.load = registry_.tree().directory().load(instance.slot);
  view.createdWallMs = instance.record.createdWallMs;
  view.contradiction = contradictionOf(instance);
  view.missingRanks = missingRanks(instance);
  const WorkerRecord& first = instance.first->record;
  view.model = first.model.empty() ? registry_.tree().defaultModel() : first.model;
  view.ip = first.ip;
  view.port = first.port;
  view.peerUrl = first.peerUrl;
  view.labels = first.labels;
}

void InstanceCursor::add(const Worker& worker) {
  RankView rank{.worker = worker.record.worker,
                .state = worker.record.state,
                .quarantined = !worker.quarantined.empty(),
                .locations = static_cast<uint32_t>(worker.locations.size()),
                .load = worker.load};
  for (const auto& location : worker.locations) {
    if (location->sync == SyncState::kInSync) ++rank.locationsInSync;
    if (location->record.live.hidden) ++rank.locationsHidden;
    rank.memberships += location->count;
  }
  if (rank.state != WorkerState::kLost) {
    anyThere_ = true;
    anyHidden_ |= rank.locationsHidden != 0;
    anyVisible_ |= rank.locationsHidden < rank.locations;
  }
  current_->ranks.push_back(rank);
}

void InstanceCursor::end(Found& found) {
  if (!current_) return;
  if (current_->drained) {
    current_->hidden = InstanceHidden::kDrained;
  } else if (!anyThere_) {
    current_->hidden = InstanceHidden::kLost;
  } else if (anyHidden_ && !anyVisible_) {
    current_->hidden = InstanceHidden::kDiverged;
  }
  found.push_back(std::move(*current_));
  current_.reset();
}

bool InstanceCursor::next(Found& found, size_t work) {
  for (size_t spent = 0; spent < work; ++spent) {
    const Worker* const worker = walk_.next();
    if (worker == nullptr) {
      end(found);
      return false;
    }
    if (!current_ || current_->instance != worker->record.instance) {
      end(found);
      begin(*worker->instance);
    }
    add(*worker);
    spent += worker->locations.size();
  }
  return true;
}

}  // namespace holdfast::queries
