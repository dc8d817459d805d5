// A location's sync state, counted together with those of all others wherever it is changed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "core/messages.h"

namespace holdfast {

// How many locations are in each state.
class SyncCounts {
 public:
  uint64_t of(SyncState state) const { return counts_[static_cast<size_t>(state)]; }

 private:
  friend class CountedSync;
  uint64_t& count(SyncState state) { return counts_[static_cast<size_t>(state)]; }

  std::array<uint64_t, kSyncStates> counts_{};
};

// To be used as the SyncState that it is; DIVERGED at first. Counted as long as it lives.
class CountedSync {
 public:
  // `all` outlives this.
  explicit CountedSync(SyncCounts& all) : all_(all) { ++all_.count(state_); }
  ~CountedSync() { --all_.count(state_); }
  CountedSync(const CountedSync&) = delete;
  CountedSync& operator=(const CountedSync&) = delete;

  CountedSync& operator=(SyncState state) {
    --all_.count(state_);
    ++all_.count(state);
    state_ = state;
    wasOut_ = state != SyncState::kInSync && (wasOut_ || state != SyncState::kCaughtUp);
    return *this;
  }
  operator SyncState() const { return state_; }

  // Whether it needed a repair since it was last in sync, as far as that is known.
  bool wasOut() const { return wasOut_; }
  void forgetWasOut() { wasOut_ = false; }

 private:
  SyncCounts& all_;
  SyncState state_ = SyncState::kDiverged;
  bool wasOut_ = false;
};

}  // namespace holdfast
