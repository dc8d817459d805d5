// What one worker has told, and when it learned that it was confirmed; and what answers must and
// must not say for that.
//
// A worker admits keys of its own that nobody else ever has, one after the other, and evicts the
// oldest. So each key is admitted once and evicted at most once, and an operation's seq is its
// place in the worker's life.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/registry/registry_digest.h"
#include "core/types.h"

namespace holdfast::test {

// Milliseconds of the steady clock.
using Moment = int64_t;
Moment nowMs();

class History {
 public:
  // `worker` makes its keys its own; it holds at most `capacity`.
  History(uint64_t worker, size_t capacity) : worker_(worker), capacity_(capacity) {}

  // --- the worker; one thread ---

  struct Turn {
    std::vector<ChunkHash> admits;
    std::vector<ChunkHash> evicts;  // after them
  };
  // Told from now on: so many more keys, and the evictions that make room for them.
  Turn take(size_t keys);
  // It has learned just now that everything up to `seq` is confirmed.
  void confirmed(uint64_t seq, Moment now);

  // --- those who ask; any thread ---

  // The n-th key from the first, 0.
  ChunkHash key(uint64_t n) const;
  // Keys told so far. One with this number has not been told yet.
  uint64_t told() const;
  uint64_t capacity() const { return capacity_; }
  // What is wrong with an answer that came just now and says whether the n-th key is held; empty:
  // nothing. `knows`: everything that was confirmed until that moment must be in it.
  std::string wrong(uint64_t n, bool held, Moment knows) const;

  // --- when it is at rest ---

  uint64_t operations() const;
  void addTo(RegistryDigest& digest, const std::string& instance, uint32_t rank,
             const std::string& location) const;

 private:
  struct Confirmation {
    Moment at = 0;
    uint64_t seq = 0;
  };
  // Seqs of its operations. Those of evictions follow from that each admission beyond the capacity
  // comes with one.
  struct Key {
    uint64_t admitted = 0;
    uint64_t evicted = 0;  // 0: never told
  };
  uint64_t confirmedAt(Moment moment) const;

  const uint64_t worker_;
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::vector<Key> keys_;
  uint64_t oldest_ = 0;  // key that is held
  uint64_t seq_ = 0;
  std::vector<Confirmation> confirmations_;
};

}  // namespace holdfast::test
