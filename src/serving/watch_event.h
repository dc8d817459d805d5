// What came and went, one by one: what watchers are told.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/cache_operations.h"

namespace holdfast {

enum class WatchKind : uint8_t {
  kInstanceUp,    // the first of its workers is
  kInstanceDown,  // none of its workers is up
  kInstanceDrained,
  kInstanceUndrained,
  kWorkerUp,    // it has registered, perhaps once more: with another address, say
  kWorkerDown,  // LOST, or (`forgotten`) not known any more; one may follow the other
  kLocationDiverged,
  kLocationInSync,  // what was repaired has been compared, and is equal
  kOperationEnded,
};
std::string_view nameOf(WatchKind kind);  // "workerUp": for programs

struct WatchEvent {
  WatchKind kind = WatchKind::kWorkerUp;
  uint64_t number = 0;  // 1, 2, 3, ... since the start of the controller
  uint64_t atMs = 0;    // wall clock
  std::string instance = {};
  uint32_t worker = 0;           // of workers and locations
  std::string location = {};     // of locations
  std::string address = {};      // of a worker that is up, as it states it
  std::string model = {};        // the same
  std::string cause = {};        // of a worker that is down; why a location diverged
  bool forgotten = false;        // of a worker that is down
  std::string operationId = {};  // of an operation: its event id
  OperationKind operation = OperationKind::kClear;
  bool failed = false;
};

// The same in few bytes, to be kept. Its number is its place where it is kept.
class PackedWatchEvent {
 public:
  // `atMs`: see there.
  PackedWatchEvent(const WatchEvent& event, uint64_t atMs);
  WatchEvent unpacked(uint64_t number) const;

 private:
  static constexpr size_t kTexts = 6;

  uint64_t atMs_;
  uint32_t worker_;
  WatchKind kind_;
  OperationKind operation_;
  bool forgotten_;
  bool failed_;
  std::array<uint16_t, kTexts> ends_{};  // of each text in texts_
  std::string texts_;
};

}  // namespace holdfast
