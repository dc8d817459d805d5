// Whose full sync is next: a bounded number of slots, a queue, time-outs, and a back-off for those
// that keep failing. Knows locations by their serial only and never what a sync consists of.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

namespace holdfast {

class FullSyncTracker {
 public:
  struct Options {
    uint32_t slots = 8;                  // syncs asked for or running at a time
    uint64_t startTimeoutMs = 10'000;    // from asking to the start; then the slot is free again
    uint64_t inactivityMs = 300'000;     // without a start, batch, end or status: failed
    uint32_t failuresBeforeBackoff = 3;  // in a row
    uint64_t backoffMs = 10'000;         // doubles with every further failure
    uint64_t backoffMaxMs = 300'000;
  };
  // As in schema/messages.capnp, same order.
  enum class Phase : uint8_t { kNone, kQueued, kAsked, kRunning, kBackingOff };
  static constexpr size_t kPhases = 5;

  explicit FullSyncTracker(const Options& options) : options_(options) {}

  // Queues it, at the front if it has been under way before. Nothing changes if it is known.
  void want(uint64_t serial, bool atFront);
  // It needs none any more, or cannot be asked.
  void drop(uint64_t serial);

  // Whether a start may be accepted now: it has a slot or one is free.
  bool mayStart(uint64_t serial) const;
  void started(uint64_t serial, uint64_t nowMs);
  void active(uint64_t serial, uint64_t nowMs);
  // Back to the queue's tail, or out of it for a while. Returns the failures in a row.
  uint32_t failed(uint64_t serial, uint64_t nowMs);

  // The next that may be asked, which has a slot from now on; nothing while none is free.
  std::optional<uint64_t> next(uint64_t nowMs, const std::function<bool(uint64_t)>& mayAsk);
  // Those whose time is over; each must be failed() or dropped. Lets back-offs end.
  std::vector<uint64_t> expired(uint64_t nowMs);

  Phase phase(uint64_t serial) const;
  uint32_t failures(uint64_t serial) const;
  // Of a queued one: how many are before it. Cheap.
  uint32_t queuePosition(uint64_t serial) const;
  // How many there are; cheap. Not of kNone.
  uint32_t in(Phase phase) const { return inPhase_[static_cast<size_t>(phase)]; }
  uint32_t slotsUsed() const { return in(Phase::kAsked) + in(Phase::kRunning); }
  // Queued or backing off.
  uint32_t waiting() const { return in(Phase::kQueued) + in(Phase::kBackingOff); }

 private:
  struct Sync {
    Phase phase = Phase::kNone;
    uint64_t sinceMs = 0;  // asked, last activity, or when the back-off began
    uint64_t waitMs = 0;   // of the back-off
    uint32_t failures = 0;
    int64_t place = 0;  // in the queue; these ascend and have gaps
  };
  struct Queued {
    int64_t place = 0;
    uint64_t serial = 0;
  };

  static bool hasSlot(const Sync& sync) {
    return sync.phase == Phase::kAsked || sync.phase == Phase::kRunning;
  }
  // The only way to change a phase.
  void enter(Phase phase, Sync& sync);
  void queueFirst(uint64_t serial, Sync& sync);
  void queueLast(uint64_t serial, Sync& sync);
  // Where it is in the queue.
  void unqueue(uint64_t serial, const Sync& sync);
  std::deque<Queued>::const_iterator placeOf(const Sync& sync) const;

  const Options options_;
  std::map<uint64_t, Sync> syncs_;
  std::deque<Queued> queue_;  // by place
  int64_t firstPlace_ = 0;    // all that were ever taken are from this one to before the next
  int64_t nextPlace_ = 0;
  std::array<uint32_t, kPhases> inPhase_{};
};

}  // namespace holdfast
