#include "core/queries/pins.h"

#include <algorithm>
#include <utility>

namespace holdfast::queries {

PinCursor::PinCursor(const RegistryTree& tree, PinFilter filter)
    : tree_(tree), filter_(std::move(filter)), walk_(tree, filter_.workers) {}

bool PinCursor::next(Found& found, size_t work) {
  while (work > 0) {
    if (current_) {
      advance(found, work);
      continue;
    }
    --work;
    if (!queued_.empty()) {
      const LocationRef ref = queued_.front();
      queued_.pop_front();
      const Location* const location = tree_.byRef(ref);
      if (location == nullptr) continue;
      const WorkerRecord& worker = location->worker->record;
      current_.emplace(Current{});
      current_->location = ref;
      current_->place.instance = worker.instance;
      current_->place.worker = worker.worker;
      current_->place.location = location->record.name;
      continue;
    }
    const Worker* const worker = walk_.next();
    if (worker == nullptr) return false;
    if (walk_.wants(*worker)) queueLocations(*worker);
  }
  return true;
}

void PinCursor::queueLocations(const Worker& worker) {
  for (const auto& location : worker.locations) {
    if (location->pins == nullptr) continue;
    if (!filter_.location.empty() && location->record.name != filter_.location) continue;
    queued_.push_back({location->serial});
  }
}

const LocationPins* PinCursor::pins() const {
  const Location* const location = tree_.byRef(current_->location);
  return location == nullptr ? nullptr : location->pins.get();
}

void PinCursor::advance(Found& found, size_t& work) {
  switch (current_->step) {
    case Step::kGroups:
      return collectGroups(work);
    case Step::kOrder:
      return order(work);
    case Step::kChunks:
      return collectChunks(work);
    case Step::kEntries:
      return list(found, work);
  }
}

void PinCursor::collectGroups(size_t& work) {
  const LocationPins* const all = pins();
  const size_t groups = all == nullptr ? 0 : all->groups();
  const size_t to = std::min(groups, current_->next + work);
  if (all != nullptr) {
    all->forGroups(current_->next, to, [&](uint32_t index, const LocationPins::Group& group) {
      const PinRecord& record = group.record;
      current_->groups.insert(
          {record.pinnedWallMs, record.eventId, index, record.expiresWallMs, group.chunks});
    });
  }
  work -= to - std::min(to, current_->next);
  current_->next = to;
  if (to >= groups) current_->step = Step::kOrder;
}

// Which of them are listed.
void PinCursor::order(size_t& work) {
  auto& groups = current_->groups;
  for (; !groups.empty() && work > 0; --work) {
    Group group = std::move(groups.extract(groups.begin()).value());
    const bool skipped = total_++ < filter_.skip;
    if (skipped || full_) continue;
    chunks_ += group.chunks;
    ++entries_;
    full_ = entries_ == filter_.max || (filter_.withChunks && chunks_ >= kPinnedChunksPerQueryMax);
    Listed& listed = current_->listed.emplace_back(Listed{std::move(group)});
    current_->byIndex.emplace(listed.group.index, &listed);
  }
  if (!groups.empty()) return;
  current_->next = 0;
  current_->step = filter_.withChunks && !current_->listed.empty() ? Step::kChunks : Step::kEntries;
}

void PinCursor::collectChunks(size_t& work) {
  const LocationPins* const all = pins();
  const size_t places = all == nullptr ? 0 : all->places();
  const size_t to = std::min(places, current_->next + work * kChunksPerWork);
  if (all != nullptr) {
    const auto& byIndex = current_->byIndex;
    all->forPlaces(current_->next, to, [&](ChunkHash chunk, uint32_t index) {
      const auto at = byIndex.find(index);
      if (at == byIndex.end()) return;
      // The place of an operation whose pins are over may have gone to another one.
      const PinRecord& record = all->group(index).record;
      const Group& group = at->second->group;
      if (record.eventId != group.eventId || record.pinnedWallMs != group.pinnedWallMs) return;
      at->second->chunks.insert(chunk);
    });
  }
  work -= std::min(work, (to - std::min(to, current_->next)) / kChunksPerWork + 1);
  current_->next = to;
  if (to >= places) current_->step = Step::kEntries;
}

void PinCursor::list(Found& found, size_t& work) {
  auto& all = current_->listed;
  while (!all.empty() && work > 0) {
    Listed& first = all.front();
    const size_t moved = std::min(first.chunks.size(), work * kChunksPerWork);
    for (size_t i = 0; i < moved; ++i) {
      first.hashes.push_back(first.chunks.extract(first.chunks.begin()).value());
    }
    work -= std::min(work, moved / kChunksPerWork + 1);
    if (!first.chunks.empty()) return;
    // Without chunks where some were asked for: its pins have ended meanwhile.
    if (!filter_.withChunks || !first.hashes.empty()) {
      PinView& entry = found.emplace_back(current_->place);
      entry.eventId = std::move(first.group.eventId);
      entry.pinnedWallMs = first.group.pinnedWallMs;
      entry.expiresWallMs = first.group.expiresWallMs;
      entry.chunks = filter_.withChunks ? first.hashes.size() : first.group.chunks;
      entry.hashes = std::move(first.hashes);
    }
    all.pop_front();
  }
  if (all.empty()) current_.reset();
}

}  // namespace holdfast::queries
