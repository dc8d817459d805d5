#include "describe.h"

#include <chrono>

#include "core/messages.h"
#include "table.h"

namespace holdfast::ctl {

std::string stateName(schema::WorkerState state) {
  return std::string(workerStateName(static_cast<WorkerState>(state)));
}
std::string syncName(schema::SyncState state) {
  return std::string(syncStateName(static_cast<SyncState>(state)));
}
std::string reasonText(schema::Reason reason) {
  return std::string(reasonName(static_cast<Reason>(reason)));
}

std::string_view phaseName(schema::FullSyncInfo::Phase phase) {
  switch (phase) {
    case schema::FullSyncInfo::Phase::NONE:
      return "none";
    case schema::FullSyncInfo::Phase::QUEUED:
      return "queued";
    case schema::FullSyncInfo::Phase::ASKED:
      return "asked";
    case schema::FullSyncInfo::Phase::RUNNING:
      return "running";
    case schema::FullSyncInfo::Phase::BACKING_OFF:
      return "backing off";
  }
  return "?";
}

std::string hex(uint64_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 0; i < text.size(); ++i) {
    text[i] = kDigits[(number >> (60 - 4 * i)) & 15];
  }
  return text;
}

std::string ago(uint64_t wallMs) {
  if (wallMs == 0) return "never";
  const auto now = static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                             std::chrono::system_clock::now().time_since_epoch())
                                             .count());
  return now < wallMs ? "now" : durationText(now - wallMs) + " ago";
}

}  // namespace holdfast::ctl
