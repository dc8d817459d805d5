#include "gateways/lmcache/sync_collector.h"

#include <algorithm>
#include <bit>

#include "core/limits.h"

namespace holdfast::lmcache {
namespace {

// Of a part, where the hashes are mixed well: far below kKeysPerSyncBatchMax.
constexpr uint64_t kKeysPerPart = 2048;

}  // namespace

KeyParts::KeyParts(uint64_t expected)
    : parts_(std::bit_ceil(std::max<uint64_t>(1, expected / kKeysPerPart))) {}

void KeyParts::insert(ChunkHash key) {
  if (!partOf(key).insert(key)) return;
  ++size_;
  digest_.add(key);
}

void KeyParts::erase(ChunkHash key) {
  if (!partOf(key).erase(key)) return;
  --size_;
  digest_.remove(key);
}

size_t KeyParts::nonEmptyParts() const {
  return static_cast<size_t>(std::count_if(parts_.begin(), parts_.end(),
                                           [](const KeySet& part) { return !part.empty(); }));
}

std::vector<uint32_t> Collected::missing() const {
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < batches.size() && numbers.size() < kMissingMax; ++i) {
    if (!batches[i]) numbers.push_back(i);
  }
  return numbers;
}

std::optional<std::string> SyncCollector::start(const Key& key, std::string_view location,
                                                std::string_view syncId, uint64_t totalKeys,
                                                uint32_t batchCount, uint64_t nowMs) {
  Collected* known = find(key);
  if (known != nullptr && known->syncId == syncId && known->location == location &&
      known->totalKeys == totalKeys && known->batches.size() == batchCount) {
    known->heardMs = nowMs;
    return std::nullopt;
  }
  if (totalKeys > kKeysPerSyncMax) {
    return "a full sync has at most " + std::to_string(kKeysPerSyncMax) + " keys, not " +
           std::to_string(totalKeys);
  }
  const uint64_t others = keys_ - (known == nullptr ? 0 : known->totalKeys);
  if (others + totalKeys > kKeysMax) {
    return "full syncs of " + std::to_string(others) + " keys are under way; try again later";
  }
  drop(key);
  auto fresh = std::make_unique<Collected>(totalKeys);
  fresh->location = location;
  fresh->syncId = syncId;
  fresh->batches.resize(batchCount);
  fresh->heardMs = nowMs;
  keys_ += totalKeys;
  syncs_[key] = std::move(fresh);
  return std::nullopt;
}

bool SyncCollector::batch(const Key& key, std::string_view syncId, uint32_t number,
                          std::span<const uint64_t> keys, bool ends, uint64_t nowMs) {
  Collected* sync = find(key);
  if (sync == nullptr || sync->syncId != syncId) return true;
  sync->heardMs = nowMs;
  if (number < sync->batches.size() && sync->batches[number]) return true;
  sync->received += keys.size();
  if (number >= sync->batches.size() || sync->received > sync->totalKeys) {
    drop(key);
    return false;
  }
  for (const ChunkHash one : keys) {
    if (sync->reported.empty() || !sync->reported.contains(one)) sync->keys.insert(one);
  }
  if (!ends) return true;
  sync->batches[number] = true;
  ++sync->batchesWhole;
  return true;
}

bool SyncCollector::end(const Key& key, std::string_view syncId, uint64_t actualTotalKeys,
                        uint64_t nowMs) {
  Collected* sync = find(key);
  if (sync == nullptr || sync->syncId != syncId) return true;
  sync->heardMs = nowMs;
  sync->ended = true;
  if (actualTotalKeys == sync->totalKeys) return true;
  drop(key);
  return false;
}

bool SyncCollector::report(const Key& key, std::string_view location,
                           const Operations& operations) {
  if (syncs_.empty()) return true;
  Collected* sync = find(key);
  if (sync == nullptr || sync->location != location) return true;
  if (sync->reported.size() + operations.size() > kReportedMax) {
    drop(key);
    return false;
  }
  for (size_t i = 0; i < operations.size(); ++i) {
    sync->reported.insert(operations.keys[i]);
    if (operations.evicts.test(i)) {
      sync->keys.erase(operations.keys[i]);
    } else {
      sync->keys.insert(operations.keys[i]);
    }
  }
  return true;
}

Collected* SyncCollector::find(const Key& key) {
  const auto found = syncs_.find(key);
  return found == syncs_.end() ? nullptr : found->second.get();
}

std::unique_ptr<Collected> SyncCollector::drop(const Key& key) {
  const auto found = syncs_.find(key);
  if (found == syncs_.end()) return nullptr;
  std::unique_ptr<Collected> sync = std::move(found->second);
  keys_ -= sync->totalKeys;
  syncs_.erase(found);
  return sync;
}

std::vector<SyncCollector::Key> SyncCollector::whole() const {
  std::vector<Key> keys;
  for (const auto& [key, sync] : syncs_) {
    if (sync->ended && sync->whole()) keys.push_back(key);
  }
  return keys;
}

size_t SyncCollector::expire(uint64_t nowMs, uint64_t silentMs) {
  std::vector<Key> over;
  for (const auto& [key, sync] : syncs_) {
    if (nowMs - sync->heardMs >= silentMs) over.push_back(key);
  }
  for (const Key& key : over) drop(key);
  return over.size();
}

}  // namespace holdfast::lmcache
