// One full sync as the worker sees it: the keys of a cut in batches that never change, and how far
// the controller has them. Decides what to send next; deterministic.
//
//   start ---> answer ---> missing batches ---> end ---> status, until it is complete
//     ^                          ^                          |
//     asked to go on             +---- something missing ---+
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/messages.h"
#include "core/types.h"

namespace holdfast {

using FullSyncMessage = std::variant<FullSyncStart, FullSyncBatch, FullSyncEnd, FullSyncPoll>;

class FullSyncState {
 public:
  // `cut` without the totals, which come from `keys`: distinct, those that the cut's digest is of.
  // `batchKeys`: 1 to kKeysPerSyncBatchMax; more where there would be too many batches.
  FullSyncState(FullSyncStart cut, std::vector<ChunkHash> keys, size_t batchKeys);

  const FullSyncStart& start() const { return start_; }
  uint64_t id() const { return start_.syncId; }

  // Sends nothing before it is asked to go on: what the controller has is not known any more.
  void park() { phase_ = Phase::kParked; }
  bool parked() const { return phase_ == Phase::kParked; }
  // Sends the start, again if it was sent before.
  void goOn() { phase_ = Phase::kStart; }

  // What is due; it counts as sent. A batch does not own: it is valid as long as this.
  std::optional<FullSyncMessage> next(uint64_t nowMs);
  // When something becomes due that waits for its time only.
  std::optional<uint64_t> dueMs() const;

  // Whether such an answer is expected. One that is not belongs to something older.
  bool awaitsStart() const { return phase_ == Phase::kStarting; }
  bool awaitsStatus() const { return phase_ == Phase::kAsked; }
  // The start was accepted; with the batches that the controller does not have.
  void started(std::vector<uint32_t> missing);
  // The sync is known and not complete.
  void statusAnswered(std::vector<uint32_t> missing, uint64_t nowMs);

 private:
  enum class Phase : uint8_t {
    kParked,
    kStart,     // is to be sent
    kStarting,  // is sent
    kBatches,   // those of missing_ are being sent, and then the end
    kAsked,     // the end is sent, or a question for the status
    kWaiting,   // until dueMs_
  };

  void setMissing(std::vector<uint32_t> missing);
  FullSyncBatch batch(uint32_t number) const;

  FullSyncStart start_;
  std::vector<ChunkHash> keys_;
  size_t batchKeys_;
  Phase phase_ = Phase::kStart;
  std::vector<uint32_t> missing_;
  size_t sent_ = 0;  // of missing_
  uint64_t waitMs_ = 0;
  uint64_t dueMs_ = 0;
};

}  // namespace holdfast
