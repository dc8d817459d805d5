#include "store/store_loss.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "format/checksum.h"
#include "os/boot_id.h"
#include "store/kept_files.h"
#include "store/unavailable.h"

namespace holdfast {
namespace {

constexpr std::string_view kManifestPrefix = "MANIFEST-";

std::string writes(uint64_t from, uint64_t to) {
  const uint64_t count = to - from + 1;
  if (count == 1) return "write " + std::to_string(from);
  return "writes " + std::to_string(from) + " to " + std::to_string(to) + " (" +
         std::to_string(count) + ")";
}

std::string names(const std::set<uint64_t>& logs) {
  std::string text;
  for (const uint64_t log : logs) text += (text.empty() ? "" : ", ") + logName(log);
  return text;
}

// 0 if it is no name of a manifest.
uint64_t manifestNumber(const std::string& name) {
  if (!name.starts_with(kManifestPrefix)) return 0;
  const std::string digits = name.substr(kManifestPrefix.size());
  if (digits.empty() || digits.size() > 19 ||
      digits.find_first_not_of("0123456789") != std::string::npos) {
    return 0;
  }
  return std::strtoull(digits.c_str(), nullptr, 10);
}

// Where what can be read of the logs ends.
void judgeEnd(const CommitMark& mark, const LogReplay& replay, uint64_t latest, StoreLoss& loss) {
  const uint64_t committed = mark.committed;
  // The manifest may name a later write than the logs have: where a family needs the log with the
  // last write, that must be read.
  const bool inLogs =
      committed > mark.base && mark.logs.contains(mark.endLog) && replay.needed(mark.endLog);
  const uint64_t end = inLogs ? replay.last() : latest;
  if (end >= committed) return;
  const uint64_t from = std::max(end, mark.base) + 1;
  const bool sameBoot = !mark.boot.empty() && mark.boot == bootId();
  const bool damage = sameBoot || end < mark.synced;
  loss.damage |= damage;
  std::string text = writes(from, committed) + " had been confirmed and are not there: ";
  if (!damage) {
    text += "the machine stopped before they were on stable storage";
  } else if (inLogs) {
    text += "log " + logName(mark.endLog) + " is damaged or cut short";
  } else {
    text += "a log or the manifest is damaged or older than the rest";
  }
  loss.what.push_back(std::move(text));
}

}  // namespace

std::set<uint64_t> missingLogs(const std::string& dataDir, const std::optional<CommitMark>& mark) {
  std::set<uint64_t> missing;
  if (!mark) return missing;
  std::error_code error;
  for (const uint64_t log : mark->logs) {
    if (!std::filesystem::exists(dataDir + "/" + logName(log), error)) missing.insert(log);
  }
  return missing;
}

StoreLoss judgeLoss(const std::optional<CommitMark>& mark, const LogReplay& replay,
                    uint64_t latest) {
  StoreLoss loss;
  loss.cut = replay.cut();
  if (const auto missing = replay.missing(); !missing.empty()) {
    loss.damage = true;
    loss.what.push_back("log " + names(missing) + " is gone");
  }
  if (!replay.foreignLogs().empty()) {
    loss.damage = true;
    loss.what.push_back("log " + names(replay.foreignLogs()) +
                        " has writes of another store, which were left out");
  }
  for (const LogReplay::Hole& hole : replay.holes()) {
    // Pages reach the disk in any order: a hole in what was not synced is no damage.
    const bool unsynced = mark && mark->boot != bootId() && hole.from > mark->synced;
    loss.damage |= !unsynced;
    loss.what.push_back(
        (hole.from != 0 ? writes(hole.from, hole.to) : "writes up to " + std::to_string(hole.to)) +
        " cannot be read: log " + logName(hole.before) +
        (hole.before == hole.log ? " is damaged"
                                 : " or what came between it and " + logName(hole.log) +
                                       " is damaged, cut short or gone"));
  }
  if (replay.leftOut() != 0) {
    loss.what.push_back(std::to_string(replay.leftOut()) +
                        " writes behind that were left out, so that nothing is mixed with what is "
                        "older");
  }
  if (mark) judgeEnd(*mark, replay, latest, loss);
  return loss;
}

std::vector<LocationLoss> compareWithMark(const FamilyMark& mark,
                                          const std::vector<LocationRecord>& records,
                                          const std::vector<LocationMark>& ends) {
  std::vector<LocationLoss> losses;
  for (const LocationMark& had : mark.locations) {
    const auto record =
        std::find_if(records.begin(), records.end(),
                     [&](const LocationRecord& known) { return known.id == had.location; });
    LocationLoss loss;
    loss.location = had.location;
    loss.to = had.seq;
    if (record != records.end()) {
      loss.name = record->name;
      // A generation that is older than what is there was dropped.
      if (had.generation < record->live.generation) continue;
      const auto end = std::find_if(ends.begin(), ends.end(), [&](const LocationMark& known) {
        return known.location == had.location && known.generation == had.generation;
      });
      if (end != ends.end()) {
        if (end->stream > had.stream || (end->stream == had.stream && end->seq >= had.seq))
          continue;
        loss.from = end->seq;
        loss.renumbered = end->stream != had.stream;
      } else {
        loss.renumbered = true;
        for (const LocationMark& known : ends) {
          if (known.location == had.location && known.generation == record->live.generation) {
            loss.from = known.seq;
          }
        }
      }
    }
    // The newest generation of a location says it.
    const auto same = std::find_if(losses.begin(), losses.end(), [&](const LocationLoss& known) {
      return known.location == loss.location;
    });
    if (same == losses.end()) {
      losses.push_back(loss);
    } else {
      *same = loss;
    }
  }
  return losses;
}

std::string describe(const LocationLoss& loss) {
  if (loss.name.empty()) {
    return "location " + std::to_string(loss.location) + " is gone, which was at seq " +
           std::to_string(loss.to);
  }
  std::string text = "location '" + loss.name + "' is back at seq " + std::to_string(loss.from) +
                     "; seq " + std::to_string(loss.to) + " had been confirmed";
  if (loss.renumbered) text += ", counted anew since";
  return text;
}

std::optional<std::string> manifestInstead(const std::string& dataDir, const CommitMark& mark) {
  std::ifstream current(dataDir + "/CURRENT", std::ios::binary);
  const std::string named{std::istreambuf_iterator<char>(current), {}};
  if (mark.manifest.empty() || named == mark.manifest + "\n") return std::nullopt;
  uint64_t newest = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator at(dataDir, error), end; !error && at != end;
       at.increment(error)) {
    newest = std::max(newest, manifestNumber(at->path().filename().string()));
  }
  if (newest == 0 || newest != manifestNumber(mark.manifest)) return std::nullopt;
  return mark.manifest;
}

std::optional<Error> checkManifest(const std::string& dataDir, const CommitMark& mark,
                                   const std::optional<std::string>& instead) {
  std::string name;
  std::ifstream(dataDir + "/CURRENT") >> name;
  if (instead) name = *instead;
  const uint64_t number = manifestNumber(name);
  const uint64_t known = manifestNumber(mark.manifest);
  if (number == 0) return unavailable("its file CURRENT is damaged: it names no manifest");
  if (number < known) {
    return unavailable("its file CURRENT names " + name + ", but " + mark.manifest +
                       " was in force already");
  }
  // A newer one was begun after the mark was written.
  if (number > known) return std::nullopt;
  std::ifstream file(dataDir + "/" + name, std::ios::binary);
  if (!file) return unavailable("its file " + name + " is missing or cannot be read");
  std::vector<char> chunk(size_t{1} << 20);
  uint64_t left = mark.manifestBytes;
  uint32_t crc = 0;
  while (left > 0) {
    const auto wanted = std::min<uint64_t>(chunk.size(), left);
    file.read(chunk.data(), static_cast<std::streamsize>(wanted));
    const auto got = static_cast<uint64_t>(file.gcount());
    crc = extendCrc32c(crc, {chunk.data(), got});
    left -= got;
    if (got < wanted) {
      return unavailable("its file " + name + " is cut short: it has " +
                         std::to_string(mark.manifestBytes - left) + " of at least " +
                         std::to_string(mark.manifestBytes) + " bytes");
    }
  }
  if (crc == mark.manifestCrc) return std::nullopt;
  return unavailable("its file " + name + " is damaged or of another store: its checksum is wrong");
}

std::string withTableNames(std::string text) {
  // RocksDB looks for a missing table under its old ending last, and calls others by number.
  for (size_t at = text.find(".ldb"); at != std::string::npos; at = text.find(".ldb", at)) {
    text.replace(at, 4, ".sst");
  }
  constexpr std::string_view kByNumber = "table file ";
  const size_t at = text.find(kByNumber);
  if (at == std::string::npos) return text;
  const size_t begin = at + kByNumber.size();
  const size_t end = std::min(text.find_first_not_of("0123456789", begin), text.size());
  if (end == begin || end - begin >= 6) return text;
  return text.replace(
      begin, end - begin,
      std::string(6 - (end - begin), '0') + text.substr(begin, end - begin) + ".sst");
}

std::string remedies(const std::string& dataDir) {
  return "what can be done, the best first: (1) start on a backup; (2) save what can still be read "
         "with `holdfast-inspect salvage " +
         dataDir +
         " --into NEW` and start on NEW; (3) start on a new directory: the workers send everything "
         "again, which is safe and takes a while. Keep " +
         dataDir + " until then";
}

}  // namespace holdfast
