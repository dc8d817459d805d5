// Reports of one location that cannot be applied yet: something before them is missing, or they
// wait for their turn. Bounded for each location and for all together.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/limits.h"
#include "core/types.h"

namespace holdfast {

// Bytes that all HeldReports may take together, and the operations that they have.
class HeldBudget {
 public:
  explicit HeldBudget(uint64_t bytesMax = kHeldBytesMax) : bytesMax_(bytesMax) {}

  bool take(uint64_t bytes, uint64_t operations) {
    if (bytes > bytesMax_ - bytes_) return false;
    bytes_ += bytes;
    operations_ += operations;
    return true;
  }
  void give(uint64_t bytes, uint64_t operations) {
    bytes_ -= bytes;
    operations_ -= operations;
  }
  uint64_t bytes() const { return bytes_; }
  uint64_t operations() const { return operations_; }

 private:
  const uint64_t bytesMax_;
  uint64_t bytes_ = 0;
  uint64_t operations_ = 0;
};

// A copy of a report's operations, the first `skip` of them done with.
struct HeldReport {
  uint64_t firstSeq = 0;  // of the first that is not done with
  std::vector<ChunkHash> keys;
  std::vector<uint8_t> evicts;  // bitmap, least significant bit first; empty: all admits
  size_t skip = 0;

  Operations operations() const {
    const Operations all{keys, {evicts.empty() ? nullptr : evicts.data(), 0}};
    return all.dropFirst(skip);
  }
};

class HeldReports {
 public:
  // The budget outlives it.
  explicit HeldReports(HeldBudget& budget) : budget_(budget) {}
  ~HeldReports() { clear(); }
  HeldReports(const HeldReports&) = delete;
  HeldReports& operator=(const HeldReports&) = delete;

  // Keeps a copy. False, and nothing changed, beyond kHeldOperationsMax or the budget.
  bool hold(uint64_t firstSeq, const Operations& operations);
  // The next report that continues before `expected`, trimmed to begin there. Drops what is wholly
  // before it. Nothing: there is none, or it begins later.
  std::optional<HeldReport> take(uint64_t expected);
  void clear();

  bool empty() const { return reports_.empty(); }
  // Of the earliest; not empty.
  uint64_t firstSeq() const { return reports_.begin()->first; }
  uint64_t operations() const { return operations_; }

 private:
  static uint64_t bytesOf(size_t operations);
  void forget(size_t operations);

  HeldBudget& budget_;
  std::map<uint64_t, HeldReport> reports_;  // by first seq
  uint64_t operations_ = 0;
};

}  // namespace holdfast
