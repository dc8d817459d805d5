// Full syncs of LMCache's workers as they come: batches in any order, without a digest, while
// reports go on. What is collected is what the location holds; whoever has it whole makes a full
// sync of core of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/index/key_set.h"
#include "core/types.h"

namespace holdfast::lmcache {

// Distinct keys in parts that are small enough to be handed on one a turn.
class KeyParts {
 public:
  // `expected`: about how many keys there will be.
  explicit KeyParts(uint64_t expected);

  void insert(ChunkHash key);
  void erase(ChunkHash key);
  uint64_t size() const { return size_; }
  const KeyDigest& digest() const { return digest_; }
  size_t parts() const { return parts_.size(); }
  const KeySet& part(size_t index) const { return parts_[index]; }
  size_t nonEmptyParts() const;

 private:
  KeySet& partOf(ChunkHash key) { return parts_[fmix64(key) & (parts_.size() - 1)]; }

  std::vector<KeySet> parts_;  // a power of two of them
  uint64_t size_ = 0;
  KeyDigest digest_;
};

struct Collected {
  std::string location;
  std::string syncId;
  uint64_t totalKeys = 0;  // as its start said
  uint64_t received = 0;
  std::vector<bool> batches;  // those that are whole
  uint32_t batchesWhole = 0;
  bool ended = false;
  uint64_t heardMs = 0;  // steady clock
  KeyParts keys;
  KeySet reported;  // since the start: newer than what a batch says of them

  explicit Collected(uint64_t total) : totalKeys(total), keys(total) {}
  bool whole() const { return batchesWhole == batches.size(); }
  // At most so many.
  static constexpr size_t kMissingMax = 65'536;
  std::vector<uint32_t> missing() const;
};

// On the controller's loop.
class SyncCollector {
 public:
  // (instance, worker): each has one under way at most.
  using Key = std::pair<std::string, uint32_t>;

  // As stated by the starts; about 16 to 24 bytes each.
  static constexpr uint64_t kKeysPerSyncMax = uint64_t{1} << 24;
  static constexpr uint64_t kKeysMax = uint64_t{1} << 25;
  // Distinct keys that a worker reports during its full sync; real ones freeze their caches.
  static constexpr uint64_t kReportedMax = uint64_t{1} << 20;

  // In place of an unfinished one of the worker; one with the same id and size goes on. Why not,
  // for the worker's log.
  std::optional<std::string> start(const Key& key, std::string_view location,
                                   std::string_view syncId, uint64_t totalKeys, uint32_t batchCount,
                                   uint64_t nowMs);
  // A piece of a batch; `ends`: its last one. Of another sync, or a batch that is there: ignored.
  // False: it is not what its start said, and is dropped.
  bool batch(const Key& key, std::string_view syncId, uint32_t number,
             std::span<const uint64_t> keys, bool ends, uint64_t nowMs);
  // False as for a batch.
  bool end(const Key& key, std::string_view syncId, uint64_t actualTotalKeys, uint64_t nowMs);
  // What the worker reports meanwhile; false: too much, and it is dropped.
  bool report(const Key& key, std::string_view location, const Operations& operations);
  // Null: there is none.
  Collected* find(const Key& key);
  // It is wanted no more. What was collected.
  std::unique_ptr<Collected> drop(const Key& key);
  // Those without a message for so long are dropped; how many.
  size_t expire(uint64_t nowMs, uint64_t silentMs);
  // Those that are whole and have ended, and wait for core.
  std::vector<Key> whole() const;
  bool empty() const { return syncs_.empty(); }

 private:
  std::map<Key, std::unique_ptr<Collected>> syncs_;
  uint64_t keys_ = 0;  // of all
};

}  // namespace holdfast::lmcache
