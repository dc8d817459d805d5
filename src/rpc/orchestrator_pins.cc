// What is pinned: from the registry's pins to entries of an answer.
#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "core/ids.h"
#include "rpc/orchestrator_service.h"
#include "wire/errors.h"
#include "wire/lists.h"
#include "wire/text.h"

namespace holdfast {
namespace {

constexpr uint32_t kPinEntriesPerQueryDefault = 1'000;

struct Entry {
  const Location* location = nullptr;
  uint32_t index = 0;  // of the group
  std::vector<ChunkHash> chunks = {};

  const LocationPins::Group& group() const { return location->pins->group(index); }
};

// By time.
std::vector<Entry> entriesOf(const Location& location) {
  std::vector<Entry> entries;
  location.pins->forGroups([&](uint32_t index, const LocationPins::Group&) {
    entries.push_back({&location, index});
  });
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const PinRecord& left = a.group().record;
    const PinRecord& right = b.group().record;
    return std::tie(left.pinnedWallMs, left.eventId, a.index) <
           std::tie(right.pinnedWallMs, right.eventId, b.index);
  });
  return entries;
}

// Fills in the chunks of entries of one location.
void addChunks(std::span<Entry> entries) {
  std::unordered_map<uint32_t, Entry*> byIndex;
  for (Entry& entry : entries) byIndex[entry.index] = &entry;
  const LocationPins& pins = *entries.front().location->pins;
  pins.forPlaces(0, pins.places(), [&](ChunkHash chunk, uint32_t index) {
    if (const auto found = byIndex.find(index); found != byIndex.end()) {
      found->second->chunks.push_back(chunk);
    }
  });
  for (Entry& entry : entries) std::sort(entry.chunks.begin(), entry.chunks.end());
}

void write(const Entry& entry, schema::PinsRetMsg::Entry::Builder to) {
  const LocationPins::Group& group = entry.group();
  to.setInstanceId(textOf(entry.location->worker->record.instance));
  to.setWorkerId(entry.location->worker->record.worker);
  to.setLocation(textOf(entry.location->record.name));
  to.setEventId(textOf(group.record.eventId));
  to.setPinnedMs(group.record.pinnedWallMs);
  to.setExpiresMs(group.record.expiresWallMs);
  to.setChunks(group.chunks);
  if (!entry.chunks.empty()) {
    to.setHashes(kj::arrayPtr(entry.chunks.data(), entry.chunks.size()));
  }
}

}  // namespace

kj::Promise<void> OrchestratorService::pins(PinsContext context) {
  const auto message = context.getParams().getMessage();
  const auto locationName = viewOf(message.getLocation());
  if (auto bad = invalidText("location name", locationName, kLocationNameBytesMax)) {
    return wireError({ErrorCode::kInvalid, *bad});
  }
  if (message.getMax() > kPinEntriesPerQueryMax) {
    return wireError({ErrorCode::kInvalid, "at most " + std::to_string(kPinEntriesPerQueryMax) +
                                               " entries can be listed at a time, not " +
                                               std::to_string(message.getMax())});
  }
  const size_t max = message.getMax() == 0 ? kPinEntriesPerQueryDefault : message.getMax();
  const auto workers = select(message.getInstanceId(), message.getWorkerIds());
  if (!workers.ok()) return wireError(workers.error());

  std::vector<Entry> found;
  uint64_t total = 0;
  uint64_t chunks = 0;
  bool full = false;
  for (const Worker* worker : workers.value()) {
    for (const auto& location : worker->locations) {
      if (location->pins == nullptr) continue;
      if (!locationName.empty() && location->record.name != locationName) continue;
      const size_t before = found.size();
      for (Entry& entry : entriesOf(*location)) {
        const bool skipped = total++ < message.getSkip();
        if (skipped || full) continue;
        found.push_back(std::move(entry));
        chunks += found.back().group().chunks;
        full =
            found.size() == max || (message.getWithChunks() && chunks >= kPinnedChunksPerQueryMax);
      }
      if (message.getWithChunks() && found.size() > before) {
        addChunks(std::span(found).subspan(before));
      }
    }
  }
  auto answer = context.getResults().initAnswer();
  answer.setTotal(total);
  auto list = answer.initEntries(static_cast<kj::uint>(found.size()));
  for (kj::uint i = 0; i < list.size(); ++i) write(found[i], list[i]);
  return kj::READY_NOW;
}

}  // namespace holdfast
