// Every bound of the controller in one place. What exceeds one is refused with an error that names
// the limit and the value.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace holdfast {

inline constexpr size_t kInstanceIdBytesMax = 256;
inline constexpr size_t kLocationNameBytesMax = 128;
inline constexpr size_t kModelBytesMax = 256;
inline constexpr size_t kIpBytesMax = 64;
inline constexpr size_t kPeerUrlBytesMax = 1024;
inline constexpr size_t kEventIdBytesMax = 256;
// Tokens of a block of an engine.
inline constexpr uint32_t kBlockTokensMax = 1u << 20;
// What engines hash beside tokens: adapter name, its path, cache salt.
inline constexpr size_t kPromptKeyBytesMax = 4096;
// Labels of a worker: how many; of each; of all of them.
inline constexpr size_t kLabelsMax = 16;
inline constexpr size_t kLabelKeyBytesMax = 63;
inline constexpr size_t kLabelValueBytesMax = 256;
inline constexpr size_t kLabelBytesMax = 1024;
inline constexpr size_t kMethodBytesMax = 128;
// Cache operations: that are under way at a time; finished ones that are remembered; of the reason
// that a worker gives.
inline constexpr size_t kEventsRunningMax = 4096;
inline constexpr size_t kOperationKeysWaitingMax = size_t{1} << 24;    // not sent to all ranks yet
inline constexpr size_t kOperationTokensWaitingMax = size_t{1} << 26;  // the same, of prompts
inline constexpr size_t kEventsKeptMax = 100'000;
inline constexpr size_t kEventsPerQueryMax = 10'000;
inline constexpr size_t kOutcomeErrorBytesMax = 1024;
// Chunks that are pinned, of all locations; how long; in a list of pins, entries and chunks.
inline constexpr uint64_t kPinsMax = 1u << 20;
inline constexpr uint64_t kPinTtlSecondsMax = 315'360'000;
inline constexpr size_t kPinEntriesPerQueryMax = 10'000;
inline constexpr size_t kPinnedChunksPerQueryMax = 65'536;
inline constexpr size_t kWorkerIdsPerQueryMax = 65536;
inline constexpr size_t kWorkersMaxDefault = 4096;
inline constexpr size_t kLocationsPerWorkerMax = 64;
inline constexpr size_t kOperationsPerReportMax = 65536;
inline constexpr size_t kKeysPerSyncBatchMax = 65536;
inline constexpr uint32_t kBatchesPerSyncMax = 1u << 20;
// Reports that cannot be applied yet, because something before them is missing: of one location,
// and of all together.
inline constexpr uint64_t kHeldOperationsMax = 1u << 20;
inline constexpr uint64_t kHeldBytesMax = uint64_t{256} << 20;
inline constexpr size_t kHashesPerLookupMax = 65536;
inline constexpr size_t kTokensPerLookupMax = 4194304;
// Many look-ups in a call, which together may have as many hashes and tokens as one: how many; in
// all answers, instances that are listed, and about how many bytes.
inline constexpr size_t kLookupsPerCallMax = 1024;
inline constexpr size_t kLayoutsPerCallMax = 65536;
inline constexpr size_t kLookupsAnswerBytesMax = size_t{16} << 20;
// Models of which it is remembered that workers were refused for how they hash, newest kept.
inline constexpr size_t kHashRefusalsMax = 64;
// Messages of all calls that take several turns of the loop and are not over.
inline constexpr size_t kLongCallBytesMax = size_t{256} << 20;
inline constexpr size_t kMessageBytesMax = size_t{64} << 20;
inline constexpr size_t kConnectionsMaxDefault = 20000;
inline constexpr size_t kStoreQueueBytesMax = size_t{64} << 20;
// Captured and not yet written.
inline constexpr size_t kCaptureQueueBytesMax = size_t{64} << 20;
// Distinct names of the locations that there are; the index has 16 bits for one.
inline constexpr size_t kLocationNamesMax = 65536;
// Locations of a session of which it is said that their reports are dropped.
inline constexpr size_t kDroppedNoticesMax = 8;
// Sessions remembered as superseded, of all workers, newest kept.
inline constexpr size_t kSupersededSessionsMax = 4096;
// Superseded runs remembered for a worker, newest kept.
inline constexpr size_t kSupersededRunsMax = 16;

// What the fleet as a whole may fill up: warned of before it is reached.
enum class Limit : uint8_t { kWorkers, kLocationNames, kPins };
constexpr std::string_view limitName(Limit limit) {
  switch (limit) {
    case Limit::kWorkers:
      return "workers";
    case Limit::kLocationNames:
      return "location names";
    case Limit::kPins:
      return "pins";
  }
  return "?";
}

}  // namespace holdfast
