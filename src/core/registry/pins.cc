#include "core/registry/pins.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace holdfast {
namespace {

using PinnedChunks = std::pair<PinRecord, std::vector<ChunkHash>>;

// In the order in which the store reads them back: chunks ascend, and what was pinned alike comes
// with the first of it.
std::vector<PinnedChunks> asStored(const LocationPins& pins) {
  std::vector<std::pair<ChunkHash, uint32_t>> sorted;
  sorted.reserve(pins.size());
  pins.forPlaces(0, pins.places(),
                 [&](ChunkHash chunk, uint32_t group) { sorted.emplace_back(chunk, group); });
  std::sort(sorted.begin(), sorted.end());
  std::vector<PinnedChunks> result;
  std::map<std::tuple<std::string_view, uint64_t, uint64_t, uint64_t>, size_t>
      known;  // -> place in result
  for (const auto& [chunk, group] : sorted) {
    const PinRecord& record = pins.group(group).record;
    const auto [alike, isNew] = known.try_emplace(
        {record.eventId, record.pinnedWallMs, record.expiresWallMs, record.expiresStoreMs},
        result.size());
    if (isNew) result.push_back({record, {}});
    result[alike->second].second.push_back(chunk);
  }
  return result;
}

}  // namespace

void dropPins(Location& location, StoreBatch& batch) {
  if (location.pins == nullptr) return;
  batch.steps.emplace_back(DropAllPins{location.worker->owner, location.record.id});
  location.pins.reset();
}

void Pins::write(Location& location, StoreStep step) {
  StoreBatch batch;
  batch.steps.push_back(std::move(step));
  store_.write(std::move(batch));
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
  if (location.record.live.hidden || record.expired(clock_.storeMs())) return;
  std::vector<ChunkHash> held(chunks.begin(), chunks.end());
  std::sort(held.begin(), held.end());
  held.erase(std::unique(held.begin(), held.end()), held.end());
  std::vector<ChunkHash> absent = held;
  keepAbsent(location, absent);
  std::erase_if(held, [&](ChunkHash chunk) {
    return std::binary_search(absent.begin(), absent.end(), chunk);
  });
  if (held.empty()) return;
  LocationPins& pins = tree_.pinsOf(location);
  pins.pin(record, held);
  if (record.endMs() != 0) pins.expectEnd(record.endMs());
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
    if (record.endMs() != 0) pins.expectEnd(record.endMs());
  }
  if (absent.empty()) return;
  batch.steps.emplace_back(DropPins{location.worker->owner, location.record.id, std::move(absent)});
}

void Pins::restart() {
  sweeps_.clear();
  StoreBatch batch;
  for (const auto& [name, instance] : tree_.instances()) {
    for (const auto& [id, worker] : instance->workers) {
      for (const auto& location : worker->locations) {
        if (location->pins == nullptr) continue;
        for (const auto& [record, chunks] : asStored(*std::exchange(location->pins, nullptr))) {
          recovered(*location, record, chunks, batch);
        }
      }
    }
  }
  if (!batch.steps.empty()) store_.write(std::move(batch));
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
  const uint64_t now = clock_.storeMs();
  const auto pinned = [&](ChunkHash chunk) {
    return std::any_of(places.begin(), places.begin() + count, [&](const LocationPins* pins) {
      const PinRecord* const record = pins->find(chunk);
      return record != nullptr && !record->expired(now);
    });
  };
  const auto end = std::find_if_not(chunks.begin(), chunks.end(), pinned);
  return static_cast<uint32_t>(end - chunks.begin());
}

void Pins::tick() {
  if (!store_.health().writable) return;
  const uint64_t now = clock_.storeMs();
  for (size_t n = 0; n < kExpiriesPerTick; ++n) {
    const PinEnds& ends = tree_.pinEnds();
    if (ends.empty() || ends.begin()->first > now) break;
    Location* const location = tree_.byRef({ends.begin()->second});
    location->pins->endReached();
    queueSweep(*location);
  }
}

void Pins::queueSweep(Location& location) {
  LocationPins::Sweep& sweep = location.pins->sweep;
  sweep.next = 0;
  sweep.nextEndMs = 0;
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
  const uint64_t now = clock_.storeMs();
  const size_t to = std::min(state.next + kPlacesPerTurn, pins.places());
  std::vector<ChunkHash> over;
  std::vector<ChunkHash> rest;
  pins.forPlaces(state.next, to, [&](ChunkHash chunk, uint32_t group) {
    const PinRecord& record = pins.group(group).record;
    const uint64_t end = record.endMs();
    const bool isOver = record.expired(now);
    (isOver ? over : rest).push_back(chunk);
    if (end == 0 || isOver) return;
    state.nextEndMs = state.nextEndMs == 0 ? end : std::min(state.nextEndMs, end);
  });
  if (state.checksHeld) {
    keepAbsent(location, rest);
    over.insert(over.end(), rest.begin(), rest.end());
  }
  for (const ChunkHash chunk : over) pins.drop(chunk);
  const bool more = to < pins.places();
  state.next = to;
  if (!more) {
    if (state.nextEndMs != 0) pins.expectEnd(state.nextEndMs);
    state = {};
  }
  drop(location, std::move(over));
  return more && location.pins != nullptr;
}

}  // namespace holdfast
