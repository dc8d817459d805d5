#include "core/registry/instance_ranks.h"

#include <algorithm>
#include <map>

namespace holdfast {
namespace {

constexpr size_t kRanksNamedMax = 8;

// "rank 3" or "ranks 0, 1 and 12 more"
std::string namesOf(const std::vector<uint32_t>& ranks) {
  std::string text = ranks.size() == 1 ? "rank " : "ranks ";
  const size_t named = std::min(ranks.size(), kRanksNamedMax);
  for (size_t i = 0; i < named; ++i) text += (i == 0 ? "" : ", ") + std::to_string(ranks[i]);
  if (named < ranks.size()) text += " and " + std::to_string(ranks.size() - named) + " more";
  return text;
}

bool isLost(const Worker& worker) {
  return worker.record.state == WorkerState::kLost;
}

}  // namespace

uint32_t statedWorldSize(const Instance& instance) {
  return instance.statedWorldSizes.size() == 1 ? instance.statedWorldSizes.begin()->first : 0;
}

bool ranksContradict(const Instance& instance) {
  if (instance.statedWorldSizes.size() > 1) return true;
  const uint32_t worldSize = statedWorldSize(instance);
  if (worldSize == 0) return false;
  return !instance.ranksPresent.empty() && *instance.ranksPresent.rbegin() >= worldSize;
}

std::string contradictionOf(const Instance& instance) {
  if (!ranksContradict(instance)) return {};
  std::map<uint32_t, std::vector<uint32_t>> bySize;  // 0: they state none
  for (const auto& [id, worker] : instance.workers) {
    if (!isLost(*worker)) bySize[worker->record.worldSize].push_back(id);
  }
  std::string text;
  for (const auto& [worldSize, ranks] : bySize) {
    text += (text.empty() ? "" : "; ") + namesOf(ranks) +
            (ranks.size() == 1 ? " states " : " state ") +
            (worldSize == 0 ? "no world size" : "a world size of " + std::to_string(worldSize));
  }
  return text;
}

std::vector<const Worker*> ranksOf(const Instance& instance) {
  const uint32_t worldSize = statedWorldSize(instance);
  std::vector<const Worker*> ranks;
  for (const auto& [id, worker] : instance.workers) {
    if (worldSize == 0 || id < worldSize || !isLost(*worker)) ranks.push_back(worker.get());
  }
  return ranks;
}

std::string missingRanks(const Instance& instance) {
  const uint64_t worldSize = statedWorldSize(instance);
  std::string text;
  size_t named = 0;
  uint64_t next = 0;
  const auto addGap = [&](uint64_t end) {
    if (next >= end || named > kRanksNamedMax) return;
    if (named++ == kRanksNamedMax) {
      text += " and more";
      return;
    }
    text += (text.empty() ? "" : ", ") + std::to_string(next);
    if (end - next > 1) text += " to " + std::to_string(end - 1);
  };
  for (const auto& [id, worker] : instance.workers) {
    addGap(std::min<uint64_t>(id, worldSize));
    next = uint64_t{id} + 1;
  }
  addGap(worldSize);
  return text;
}

}  // namespace holdfast
