// What must hold at every step, and when the faults have stopped.
#include <algorithm>
#include <map>

#include "tests/simulation/convergence_world.h"
#include "tests/support/recount.h"

namespace holdfast::test {

Location* ConvergenceWorld::find(const Worker& worker, size_t location) const {
  const holdfast::Worker* known = registry().tree().findWorker(worker.instance, worker.rank);
  return known == nullptr ? nullptr : known->find(kLocations[location]);
}

void ConvergenceWorld::check() {
  if (controller_ == nullptr) return;
  for (const auto& worker : workers_) {
    for (size_t i = 0; i < kLocations.size(); ++i) checkLocation(*worker, i);
  }
  expectKeptAsCounted(registry());
  checkIndex();
  operations_.check(controller_->executor().log());
}

void ConvergenceWorld::checkLocation(const Worker& worker, size_t i) {
  const Location* location = find(worker, i);
  if (location == nullptr) return;
  const LivePart& live = location->record.live;
  if (location->sync == SyncState::kInSync) {
    ASSERT_TRUE(worker.truths[i].reached(live.incarnation, location->lastSeq));
    const WorkerTruth::State truth = worker.truths[i].at(live.incarnation, location->lastSeq);
    ASSERT_EQ(location->count, truth.count) << "called in sync and is not";
    ASSERT_EQ(location->digest, truth.digest) << "called in sync and is not";
    whole_[{&worker, i}] = {live.incarnation, live.generation};
    return;
  }
  // Nothing here corrupts content, so once it was right it can only be behind.
  const auto whole = whole_.find({&worker, i});
  const bool wasWhole = whole != whole_.end() && whole->second.incarnation == live.incarnation &&
                        whole->second.generation == live.generation;
  ASSERT_FALSE(wasWhole && location->reason == Reason::kContentDiffers)
      << "content went wrong by itself";
}

// The index holds what the tree says, for locations that exist; what look-ups may see was held by
// the incarnation that it stands for.
void ConvergenceWorld::checkIndex() {
  std::map<HolderId, std::pair<Location*, const WorkerTruth*>> known;
  std::map<HolderId, Keys> held;
  for (const auto& worker : workers_) {
    for (size_t i = 0; i < kLocations.size(); ++i) {
      Location* location = find(*worker, i);
      if (location == nullptr) continue;
      known[location->holder] = {location, &worker->truths[i]};
      if (location->building) known[location->building->holder] = {location, nullptr};
    }
  }
  for (uint64_t i = 0; i < kKeys; ++i) {
    const ChunkHash key = keyOf(i);
    SetId set = kEmptySet;
    registry().index().find(registry().tree().salt(""), {&key, 1}, {&set, 1});
    HolderId single = kNoHolder;
    for (const HolderId holder : registry().index().sets().members(set, single)) {
      if (registry().index().sets().isRetired(holder)) continue;
      const bool visible = registry().tree().directory().get(holder).visible;
      ASSERT_TRUE(known.contains(holder) || !visible) << "a forgotten holder is looked up";
      held[holder].insert(key);
    }
  }
  for (const auto& [holder, of] : known) {
    const auto& [location, truth] = of;
    if (truth == nullptr) {
      EXPECT_FALSE(registry().tree().directory().get(holder).visible);
      continue;
    }
    ASSERT_EQ(held[holder].size(), location->count);
    ASSERT_EQ(digestOf(held[holder]), location->digest);
    checkPins(*location, held[holder]);
    if (!registry().tree().directory().get(holder).visible) continue;
    const uint64_t incarnation = location->record.live.incarnation;
    ASSERT_TRUE(truth->knows(incarnation));
    const Keys& ever = truth->ever(incarnation);
    ASSERT_TRUE(std::includes(ever.begin(), ever.end(), held[holder].begin(), held[holder].end()))
        << "look-ups see keys of another incarnation";
  }
}

// What is pinned is held; after a full sync that may not be so yet, and nobody is told.
void ConvergenceWorld::checkPins(const Location& location, const Keys& held) {
  if (location.pins == nullptr || location.pins->sweep.checksHeld) return;
  location.pins->forPlaces(0, location.pins->places(), [&](ChunkHash chunk, uint32_t) {
    ASSERT_TRUE(held.contains(chunk)) << "pinned and not held";
  });
}

// A full sync that was called complete is there after any crash.
void ConvergenceWorld::checkPromises() {
  for (const auto& [of, promise] : promises_) {
    const Location* location = find(*of.first, of.second);
    ASSERT_NE(location, nullptr);
    EXPECT_EQ(location->record.live.incarnation, promise.incarnation);
    EXPECT_GE(location->record.live.generation, promise.generation);
  }
}

bool ConvergenceWorld::converged() const {
  if (controller_ == nullptr || !controller_->executor().log().unfinished().empty()) return false;
  return std::all_of(workers_.begin(), workers_.end(), [this](const auto& worker) {
    for (size_t i = 0; i < kLocations.size(); ++i) {
      const Location* location = find(*worker, i);
      const Keys& keys = worker->truths[i].keys();
      if (location == nullptr || location->sync != SyncState::kInSync ||
          location->count != keys.size() || !(location->digest == digestOf(keys))) {
        return false;
      }
    }
    return true;
  });
}

std::string ConvergenceWorld::whatIsLeft() const {
  if (controller_ == nullptr) return " the controller is down";
  std::string text =
      " " + std::to_string(controller_->executor().log().unfinished().size()) + " operations";
  for (const auto& worker : workers_) {
    for (size_t i = 0; i < kLocations.size(); ++i) {
      const Location* location = find(*worker, i);
      text += "\n  " + worker->instance + "/" + std::to_string(worker->rank) + " " + kLocations[i];
      if (location == nullptr) {
        text += ": not registered";
        continue;
      }
      text +=
          ": " + std::string(syncStateName(location->sync)) + ", " +
          std::string(reasonName(location->reason)) + ", seq " + std::to_string(location->lastSeq) +
          " of " + std::to_string(worker->machine->locations()[i].lastSeq) + ", sync phase " +
          std::to_string(static_cast<int>(registry().repair().tracker().phase(location->serial)));
    }
  }
  return text;
}

}  // namespace holdfast::test
