#include "core/index/lookup_miss.h"

#include <algorithm>

#include "core/ids.h"

namespace holdfast {
namespace {

constexpr size_t kNamedMax = 4;

std::string andMore(size_t all, const char* what) {
  if (all <= kNamedMax) return {};
  return " and " + std::to_string(all - kNamedMax) + " more " + what;
}

std::string unknownModel(const RegistryTree& tree, std::string_view model) {
  if (tree.models().empty()) return "no worker is registered";
  std::string text = "no worker of model " +
                     quotedForPeople(model.empty() ? tree.defaultModel() : model) +
                     " is registered; there are workers of ";
  size_t named = 0;
  for (const auto& [salt, known] : tree.models()) {
    if (named == kNamedMax) break;
    text += (named++ == 0 ? "" : ", ") + quotedForPeople(known.name);
  }
  return text + andMore(tree.models().size(), "models");
}

// The location that a holder stands for; nullptr where it stands for none that look-ups may see.
const Location* locationOf(const RegistryTree& tree, HolderId holder) {
  const HolderInfo& info = tree.directory().get(holder);
  const Instance* instance = tree.instanceBySlot(info.instance);
  if (instance == nullptr) return nullptr;
  const auto worker = instance->workers.find(info.rank);
  if (worker == instance->workers.end()) return nullptr;
  const auto& locations = worker->second->locations;
  const auto found = std::find_if(locations.begin(), locations.end(),
                                  [&](const auto& one) { return one->holder == holder; });
  return found == locations.end() ? nullptr : found->get();
}

void countHidden(const Location& location, HiddenHolders& hidden) {
  const Worker& worker = *location.worker;
  if (worker.instance->record.drained) {
    ++hidden.drained;
  } else if (worker.record.state == WorkerState::kLost) {
    ++hidden.lost;
  } else {
    ++hidden.diverged;
  }
}

std::string whyHidden(const Location& location) {
  const Worker& worker = *location.worker;
  if (worker.instance->record.drained) {
    return "instance " + quotedForPeople(worker.record.instance) + " is drained";
  }
  if (worker.record.state == WorkerState::kLost) return describe(worker) + " is LOST";
  return describe(worker) + " location " + quotedForPeople(location.record.name) +
         " has diverged (" + std::string(reasonName(location.reason)) + ")";
}

}  // namespace

ExplainedMiss explainMiss(const RegistryTree& tree, const ChunkIndex& index, std::string_view model,
                          std::span<const ChunkHash> chunks, bool hashingRefused) {
  if (chunks.empty()) return {LookupMiss::kNoChunk, "the look-up names no hashes", {}};
  const uint64_t salt = tree.salt(model);
  if (!tree.models().contains(salt)) {
    return {hashingRefused ? LookupMiss::kHashingDiffers : LookupMiss::kUnknownModel,
            unknownModel(tree, model),
            {}};
  }
  SetId set = kEmptySet;
  index.find(salt, chunks.first(1), {&set, 1});
  HolderId single = kNoHolder;
  std::string reasons;
  HiddenHolders hidden;
  size_t holders = 0;
  for (const HolderId holder : index.sets().members(set, single)) {
    if (index.sets().isRetired(holder)) continue;
    const Location* location = locationOf(tree, holder);
    if (location == nullptr) continue;
    countHidden(*location, hidden);
    if (holders++ < kNamedMax) reasons += (reasons.empty() ? "" : "; ") + whyHidden(*location);
  }
  if (holders == 0) {
    return {LookupMiss::kNotHeld,
            "no worker of model " + quotedForPeople(tree.models().at(salt).name) +
                " holds the first chunk",
            {}};
  }
  return {LookupMiss::kHidden,
          "whoever holds the first chunk is not named: " + reasons + andMore(holders, "holders"),
          hidden};
}

}  // namespace holdfast
