#include "replay/kinds.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

#include "capture/values.h"
#include "core/ids.h"
#include "text/table.h"

namespace holdfast::replay {
namespace {

using Entry = schema::CaptureEntry::Reader;

// What an entry names by itself or through its session.
struct About {
  std::string instance;
  std::optional<uint32_t> worker;
};

About aboutOf(Entry entry, const Player& player) {
  const auto named = [](capnp::Text::Reader instance, std::optional<uint32_t> worker) {
    return About{std::string(viewOf(instance)), worker};
  };
  switch (entry.which()) {
    case schema::CaptureEntry::REGISTER:
      return named(entry.getRegister().getInstanceId(), entry.getRegister().getWorkerId());
    case schema::CaptureEntry::FORCE_SYNC:
      return named(entry.getForceSync().getInstanceId(), entry.getForceSync().getWorkerId());
    case schema::CaptureEntry::FORGET:
      return named(entry.getForget().getInstanceId(), entry.getForget().getWorkerId());
    case schema::CaptureEntry::DRAIN:
      return named(entry.getDrain().getInstanceId(), std::nullopt);
    case schema::CaptureEntry::OPERATION:
      return named(entry.getOperation().getInstance(), std::nullopt);
    default:
      break;
  }
  const Worker* worker = player.workerOf(entry.getSession());
  if (worker == nullptr) return {};
  return {worker->record.instance, worker->record.worker};
}

std::string timeText(uint64_t wallMs) {
  const auto seconds = static_cast<std::time_t>(wallMs / 1000);
  std::tm time{};
  gmtime_r(&seconds, &time);
  char text[64];
  const size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &time);
  std::snprintf(text + length, sizeof text - length, ".%03uZ",
                static_cast<unsigned>(wallMs % 1000));
  return text;
}

std::string syncText(capnp::Text::Reader location, uint64_t syncId) {
  return "location " + quotedForPeople(viewOf(location)) + ", sync " + text::hexText(syncId);
}

std::string contentOf(Entry entry) {
  switch (entry.which()) {
    case schema::CaptureEntry::REGISTER:
      return std::to_string(entry.getRegister().getLocations().size()) + " locations, run " +
             text::hexText(entry.getRegister().getRun()) + ", attempt " +
             std::to_string(entry.getRegister().getAttempt()) +
             (entry.getSession() == kNoSession ? ", refused" : "");
    case schema::CaptureEntry::REPORT: {
      const auto report = entry.getReport();
      const uint64_t last = report.getFirstSeq() + report.getKeys().size() - 1;
      return "location " + quotedForPeople(viewOf(report.getLocation())) + ", seq " +
             std::to_string(report.getFirstSeq()) + " to " + std::to_string(last);
    }
    case schema::CaptureEntry::FULL_SYNC_START:
      return syncText(entry.getFullSyncStart().getLocation(), entry.getFullSyncStart().getSyncId());
    case schema::CaptureEntry::FULL_SYNC_BATCH:
      return syncText(entry.getFullSyncBatch().getLocation(),
                      entry.getFullSyncBatch().getSyncId()) +
             ", batch " + std::to_string(entry.getFullSyncBatch().getBatchId());
    case schema::CaptureEntry::FULL_SYNC_END:
      return syncText(entry.getFullSyncEnd().getLocation(), entry.getFullSyncEnd().getSyncId());
    case schema::CaptureEntry::OPERATIONS_LOST:
      return "location " + quotedForPeople(viewOf(entry.getOperationsLost().getLocation())) +
             ", before seq " + std::to_string(entry.getOperationsLost().getNextSeq());
    case schema::CaptureEntry::CLEAR:
      return "location " + quotedForPeople(viewOf(entry.getClear().getLocation())) + ", seq " +
             std::to_string(entry.getClear().getSeq());
    case schema::CaptureEntry::LOOKUP:
      return std::to_string(entry.getLookup().getHashes().size()) + " chunks";
    case schema::CaptureEntry::OPERATION:
      return std::string(operationName(static_cast<OperationKind>(entry.getOperation().getKind())));
    case schema::CaptureEntry::COMMITTED:
      return "up to " + std::to_string(entry.getCommitted());
    case schema::CaptureEntry::FOLDED:
      return "fold " + std::to_string(entry.getFolded().getId()) +
             (entry.getFolded().getOk() ? "" : " failed");
    case schema::CaptureEntry::HEALTH:
      return entry.getHealth().getWritable()
                 ? "the store can write"
                 : "the store cannot write: " + std::string(viewOf(entry.getHealth().getReason()));
    case schema::CaptureEntry::END:
      return std::string(viewOf(entry.getEnd().getText()));
    default:
      return {};
  }
}

}  // namespace

const std::vector<std::string>& kindNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (size_t i = 0; i < kEntryKinds; ++i) {
      all.emplace_back(entryName(static_cast<schema::CaptureEntry::Which>(i)));
    }
    return all;
  }();
  return names;
}

std::string kindOf(Entry entry) {
  return std::string(entryName(entry.which()));
}

bool matches(const Filter& filter, Entry entry, const Player& player) {
  const auto& kinds = filter.kinds;
  if (!kinds.empty() && std::find(kinds.begin(), kinds.end(), kindOf(entry)) == kinds.end()) {
    return false;
  }
  if (filter.instance.empty() && !filter.worker) return true;
  const About about = aboutOf(entry, player);
  if (!filter.instance.empty() && about.instance != filter.instance) return false;
  return !filter.worker || about.worker == filter.worker;
}

std::string describe(uint64_t number, Entry entry, const Player& player) {
  std::string line =
      std::to_string(number) + "  " + timeText(entry.getWallMs()) + "  " + kindOf(entry);
  const About about = aboutOf(entry, player);
  if (!about.instance.empty()) line += "  instance " + quotedForPeople(about.instance);
  if (about.worker) line += " worker " + std::to_string(*about.worker);
  if (const std::string content = contentOf(entry); !content.empty()) line += "  " + content;
  return line;
}

std::string foundBy(const Player& player) {
  std::string text;
  for (const LookupMatch& match : player.lastLookup()) {
    text += "    found: instance " + quotedForPeople(match.instance) + ", " +
            std::to_string(match.chunks) + " chunks, most in " + quotedForPeople(match.location) +
            ", " + std::to_string(match.allRanksChunks) + " of them on all ranks\n";
  }
  return text;
}

std::string stateAround(Entry entry, const Player& player) {
  if (player.registry() == nullptr) return {};
  const About about = aboutOf(entry, player);
  const Instance* instance = player.registry()->tree().findInstance(about.instance);
  if (instance == nullptr) return {};
  std::string text;
  for (const auto& [id, worker] : instance->workers) {
    if (about.worker && id != *about.worker) continue;
    text += "    " + describe(*worker) + ": " + std::string(workerStateName(worker->record.state)) +
            (worker->session == kNoSession ? ", no session" : "") + "\n";
    for (const auto& location : worker->locations) {
      const LivePart& live = location->record.live;
      text += "      " + quotedForPeople(location->record.name) + ": " +
              std::string(syncStateName(location->sync)) + ", seq " +
              std::to_string(location->lastSeq) + ", " + text::grouped(location->count) +
              " chunks, digest " + text::hexText(location->digest.a) +
              text::hexText(location->digest.b) + ", incarnation " +
              text::hexText(live.incarnation) + ", generation " + std::to_string(live.generation) +
              (live.hidden ? ", hidden" : "") +
              (location->record.building ? ", a full sync is under way" : "") + "\n";
    }
  }
  return text;
}

}  // namespace holdfast::replay
