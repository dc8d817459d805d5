#include "tests/replicas/history.h"

#include <algorithm>
#include <chrono>

namespace holdfast::test {

Moment nowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

History::Turn History::take(size_t keys) {
  const std::lock_guard lock(mutex_);
  Turn turn;
  for (size_t i = 0; i < keys; ++i) {
    turn.admits.push_back(key(keys_.size()));
    keys_.push_back({.admitted = ++seq_, .evicted = 0});
  }
  while (keys_.size() - oldest_ > capacity_) {
    turn.evicts.push_back(key(oldest_));
    keys_[oldest_++].evicted = ++seq_;
  }
  return turn;
}

void History::confirmed(uint64_t seq, Moment now) {
  const std::lock_guard lock(mutex_);
  if (!confirmations_.empty() && seq <= confirmations_.back().seq) return;
  confirmations_.push_back({now, seq});
}

ChunkHash History::key(uint64_t n) const {
  return splitmix64Finalise((worker_ + 1) << 40 | n);
}

uint64_t History::told() const {
  const std::lock_guard lock(mutex_);
  return keys_.size();
}

uint64_t History::confirmedAt(Moment moment) const {
  const auto after =
      std::upper_bound(confirmations_.begin(), confirmations_.end(), moment,
                       [](Moment when, const Confirmation& one) { return when < one.at; });
  return after == confirmations_.begin() ? 0 : std::prev(after)->seq;
}

std::string History::wrong(uint64_t n, bool held, Moment knows) const {
  const std::lock_guard lock(mutex_);
  if (n >= keys_.size()) return held ? "holds a key that was never told" : "";
  const Key& key = keys_[n];
  const uint64_t confirmed = confirmedAt(knows);
  const auto seqs = [&] {
    return " (admitted by seq " + std::to_string(key.admitted) + ", evicted by seq " +
           std::to_string(key.evicted) + ", confirmed up to seq " + std::to_string(confirmed) + ")";
  };
  if (held && key.evicted != 0 && key.evicted <= confirmed) {
    return "holds a key whose eviction was confirmed" + seqs();
  }
  if (!held && key.evicted == 0 && key.admitted <= confirmed) {
    return "lacks a key that was confirmed" + seqs();
  }
  return {};
}

uint64_t History::operations() const {
  const std::lock_guard lock(mutex_);
  return seq_;
}

void History::addTo(RegistryDigest& digest, const std::string& instance, uint32_t rank,
                    const std::string& location) const {
  const std::lock_guard lock(mutex_);
  KeyDigest keys;
  for (uint64_t n = oldest_; n < keys_.size(); ++n) keys.add(key(n));
  if (oldest_ < keys_.size()) {
    digest.addContent(instance, rank, location, keys_.size() - oldest_, keys);
  }
}

}  // namespace holdfast::test
