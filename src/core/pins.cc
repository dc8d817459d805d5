#include "core/pins.h"

#include <algorithm>
#include <array>
#include <utility>

namespace holdfast {

void dropPins(Location& location, StoreBatch& batch) {
  if (location.pins == nullptr) return;
  batch.steps.emplace_back(DropAllPins{location.worker->owner, location.record.id});
  location.pins.reset();
}

void Pins::write(Location& location, StoreStep step) {
  StoreBatch batch;
  batch.steps.push_back(std::move(step));
  tree_.wrote(store_.write(std::move(batch)));
  if (location.pins->size() == 0) location.pins.reset();
}

// They are not in location.pins any more.
void Pins::drop(Location& location, std::vector<ChunkHash> chunks) {
  if (chunks.empty()) return;
  write(location, DropPins{location.worker->owner, location.record.id, std::move(chunks)});
}

void Pins::keepAbsent(const Location& location, std::vector<ChunkHash>& chunks) {
  if (sets_.size() < chunks.size()) sets_.resize(chunks.size());
  index_.find(location.worker->modelSalt, chunks, sets_);
  size_t kept = 0;
  for (size_t i = 0; i < chunks.size(); ++i) {
    if (!index_.sets().contains(sets_[i], location.holder)) chunks[kept++] = chunks[i];
  }
  chunks.resize(kept);
}

void Pins::record(Location& location, const PinRecord& record, std::span<const ChunkHash> chunks) {
  // What is hidden is not what the worker holds.
  if (location.record.live.hidden || record.expired(clock_.wallMs())) return;
  std::vector<ChunkHash> held(chunks.begin(), chunks.end());
  std::sort(held.begin(), held.end());
  held.erase(std::unique(held.begin(), held.end()), held.end());
  std::vector<ChunkHash> absent = held;
  keepAbsent(location, absent);
  std::erase_if(held, [&](ChunkHash chunk) {
    return std::binary_search(absent.begin(), absent.end(), chunk);
  });
  if (held.empty()) return;
  tree_.pinsOf(location).pin(record, held);
  expectEnd(location, record);
  write(location, PutPins{location.worker->owner, location.record.id, record, std::move(held)});
}

void Pins::recovered(Location& location, const PinRecord& record, std::span<const ChunkHash> chunks,
                     StoreBatch& batch) {
  std::vector<ChunkHash> absent(chunks.begin(), chunks.end());
  if (!location.record.live.hidden) keepAbsent(location, absent);
  if (absent.size() < chunks.size()) {
    LocationPins& pins = tree_.pinsOf(location);
    pins.pin(record, chunks);
    for (const ChunkHash chunk : absent) pins.drop(chunk);
    expectEnd(location, record);
  }
  if (absent.empty()) return;
  batch.steps.emplace_back(DropPins{location.worker->owner, location.record.id, std::move(absent)});
}

void Pins::applying(Location& location, const Operations& operations) {
  LocationPins& pins = *location.pins;
  const bool checks = pins.sweep.checksHeld;
  if (operations.evicts.allAdmits() && !checks) return;
  std::vector<ChunkHash> dropped;
  std::vector<ChunkHash> one(1);
  for (size_t i = 0; i < operations.size(); ++i) {
    const ChunkHash chunk = operations.keys[i];
    bool over = operations.evicts.test(i);
    if (!over && checks && pins.find(chunk) != nullptr) {
      // Not held, and the sweep has not come to it: with the admit it would count as held.
      one.assign(1, chunk);
      keepAbsent(location, one);
      over = !one.empty();
    }
    if (over && pins.drop(chunk)) dropped.push_back(chunk);
  }
  drop(location, std::move(dropped));
}

void Pins::switched(Location& location) {
  if (location.pins == nullptr) return;
  location.pins->sweep.checksHeld = true;
  queueSweep(location);
}

uint32_t Pins::pinnedPrefix(const Worker& worker, std::span<const ChunkHash> chunks) const {
  std::array<const LocationPins*, kLocationsPerWorkerMax> places{};
  size_t count = 0;
  for (const auto& location : worker.locations) {
    const LocationPins* const pins = location->pins.get();
    if (pins == nullptr || pins->sweep.checksHeld || location->record.live.hidden) continue;
    places[count++] = pins;
  }
  const uint64_t now = clock_.wallMs();
  const auto pinned = [&](ChunkHash chunk) {
    return std::any_of(places.begin(), places.begin() + count, [&](const LocationPins* pins) {
      const PinRecord* const record = pins->find(chunk);
      return record != nullptr && !record->expired(now);
    });
  };
  const auto end = std::find_if_not(chunks.begin(), chunks.end(), pinned);
  return static_cast<uint32_t>(end - chunks.begin());
}

void Pins::expectEnd(const Location& location, const PinRecord& record) {
  if (record.expiresWallMs != 0) ends_.emplace(record.expiresWallMs, location.serial);
}

void Pins::tick() {
  if (!store_.health().writable) return;
  const uint64_t now = clock_.wallMs();
  for (size_t n = 0; n < kExpiriesPerTick; ++n) {
    const auto next = ends_.begin();
    if (next == ends_.end() || next->first > now) break;
    if (Location* location = tree_.byRef({next->second}); location != nullptr && location->pins) {
      queueSweep(*location);
    }
    ends_.erase(next);
  }
}

void Pins::restart() {
  if (!store_.health().writable) return;
  const uint64_t now = clock_.wallMs();
  while (!ends_.empty() && ends_.begin()->first <= now) tick();
  while (work()) {
  }
}

void Pins::queueSweep(Location& location) {
  LocationPins::Sweep& sweep = location.pins->sweep;
  sweep.next = 0;
  if (!std::exchange(sweep.queued, true)) sweeps_.push_back({location.serial});
}

bool Pins::work() {
  if (sweeps_.empty()) return false;
  Location* location = tree_.byRef(sweeps_.front());
  const bool goesOn = location != nullptr && location->pins != nullptr &&
                      location->pins->sweep.queued && sweep(*location);
  if (!goesOn) sweeps_.pop_front();
  return !sweeps_.empty();
}

bool Pins::sweep(Location& location) {
  LocationPins& pins = *location.pins;
  LocationPins::Sweep& state = pins.sweep;
  const uint64_t now = clock_.wallMs();
  const size_t to = std::min(state.next + kPlacesPerTurn, pins.places());
  std::vector<ChunkHash> over;
  std::vector<ChunkHash> rest;
  pins.forPlaces(state.next, to, [&](ChunkHash chunk, uint32_t group) {
    (pins.group(group).record.expired(now) ? over : rest).push_back(chunk);
  });
  if (state.checksHeld) {
    keepAbsent(location, rest);
    over.insert(over.end(), rest.begin(), rest.end());
  }
  for (const ChunkHash chunk : over) pins.drop(chunk);
  const bool more = to < pins.places();
  state.next = to;
  if (!more) state = {};
  drop(location, std::move(over));
  return more && location.pins != nullptr;
}

}  // namespace holdfast
