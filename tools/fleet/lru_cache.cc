#include "fleet/lru_cache.h"

#include <algorithm>

#include "core/check.h"

namespace holdfast::fleet {

LruCache::LruCache(size_t capacity) : capacity_(capacity) {
  HOLDFAST_CHECK(capacity >= 1 && capacity <= size_t{1} << 31, "capacity %zu", capacity);
}

void LruCache::use(std::span<const ChunkHash> prompt, CacheChanges& changes) {
  changes.evicted.clear();
  changes.admitted.clear();
  prompt = prompt.first(std::min(prompt.size(), capacity_ - pinned_.size()));

  changes.hits = 0;
  while (changes.hits < prompt.size() && holds(prompt[changes.hits])) ++changes.hits;

  // First what is there already, so that nothing of the prompt is evicted to make room for the
  // rest of it: as it fits the capacity, the oldest entry is never one of its own.
  for (const ChunkHash chunk : prompt) {
    if (const auto found = positions_.find(chunk); found != positions_.end()) touch(found->second);
  }
  for (size_t i = prompt.size(); i-- > 0;) {
    if (const auto found = positions_.find(prompt[i]); found != positions_.end()) {
      touch(found->second);
      continue;
    }
    uint32_t position = 0;
    if (entries_.size() < capacity_) {
      position = static_cast<uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      while (pinned_.contains(entries_[oldest_].chunk)) touch(oldest_);
      position = oldest_;
      unlink(position);
      changes.evicted.push_back(entries_[position].chunk);
      methods_.erase(entries_[position].chunk);
      positions_.erase(entries_[position].chunk);
    }
    entries_[position].chunk = prompt[i];
    positions_.emplace(prompt[i], position);
    linkNewest(position);
    changes.admitted.push_back(prompt[i]);
  }
  // An engine fills a prompt from its beginning.
  std::reverse(changes.admitted.begin(), changes.admitted.end());
}

bool LruCache::remove(ChunkHash chunk) {
  const auto found = positions_.find(chunk);
  if (found == positions_.end()) return false;
  const uint32_t position = found->second;
  unlink(position);
  positions_.erase(found);
  pinned_.erase(chunk);
  methods_.erase(chunk);
  // The last entry takes its place.
  const auto last = static_cast<uint32_t>(entries_.size() - 1);
  if (position != last) {
    const Entry moved = entries_[last];
    entries_[position] = moved;
    positions_[moved.chunk] = position;
    (moved.newer == kNone ? newest_ : entries_[moved.newer].older) = position;
    (moved.older == kNone ? oldest_ : entries_[moved.older].newer) = position;
  }
  entries_.pop_back();
  return true;
}

bool LruCache::pin(std::span<const ChunkHash> chunks, uint64_t endsMs) {
  const auto more = static_cast<size_t>(std::count_if(
      chunks.begin(), chunks.end(), [&](ChunkHash chunk) { return !pinned_.contains(chunk); }));
  if ((pinned_.size() + more) * 2 > capacity_) return false;
  for (const ChunkHash chunk : chunks) pinned_[chunk] = endsMs;
  if (endsMs != 0) nextEndMs_ = std::min(nextEndMs_, endsMs);
  return true;
}

void LruCache::endPins(uint64_t nowMs) {
  if (nowMs < nextEndMs_) return;
  nextEndMs_ = UINT64_MAX;
  std::erase_if(pinned_, [&](const auto& pin) {
    if (pin.second == 0) return false;
    if (pin.second > nowMs) nextEndMs_ = std::min(nextEndMs_, pin.second);
    return pin.second <= nowMs;
  });
}

void LruCache::setMethod(ChunkHash chunk, const std::string& method) {
  if (method.empty()) {
    methods_.erase(chunk);
  } else {
    methods_[chunk] = method;
  }
}

std::vector<ChunkHash> LruCache::contents() const {
  std::vector<ChunkHash> result;
  result.reserve(entries_.size());
  for (uint32_t at = newest_; at != kNone; at = entries_[at].older) {
    result.push_back(entries_[at].chunk);
  }
  return result;
}

void LruCache::touch(uint32_t position) {
  if (position == newest_) return;
  unlink(position);
  linkNewest(position);
}

void LruCache::unlink(uint32_t position) {
  const Entry& entry = entries_[position];
  (entry.newer == kNone ? newest_ : entries_[entry.newer].older) = entry.older;
  (entry.older == kNone ? oldest_ : entries_[entry.older].newer) = entry.newer;
}

void LruCache::linkNewest(uint32_t position) {
  entries_[position].newer = kNone;
  entries_[position].older = newest_;
  (newest_ == kNone ? oldest_ : entries_[newest_].newer) = position;
  newest_ = position;
}

}  // namespace holdfast::fleet
