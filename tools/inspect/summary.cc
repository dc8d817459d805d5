// summary, digest: a store in a few lines.
#include <filesystem>
#include <map>

#include "format/registry_records.h"
#include "inspect/commands.h"
#include "inspect/registry_view.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::bytesText;
using text::grouped;

struct DiskUse {
  uint64_t tables = 0;
  uint64_t logs = 0;
  uint64_t rest = 0;
  uint64_t all() const { return tables + logs + rest; }
};

DiskUse diskUse(const std::string& dataDir) {
  DiskUse use;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(dataDir, error)) {
    std::error_code gone;
    const uint64_t bytes = entry.file_size(gone);
    if (gone) continue;
    const auto extension = entry.path().extension();
    (extension == ".sst" ? use.tables : extension == ".log" ? use.logs : use.rest) += bytes;
  }
  return use;
}

std::string clusterIdText(const ClusterId& id) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : id) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

struct Counts {
  uint64_t lost = 0;
  uint64_t hidden = 0;
  uint64_t syncing = 0;
  uint64_t journalOperations = 0;
};

Counts count(const RegistryView& view) {
  Counts counts;
  for (const StoredWorker& worker : view.workers) {
    if (worker.head.record.state == WorkerState::kLost) ++counts.lost;
    for (const LocationHead& location : worker.head.locations) {
      if (location.record.live.hidden) ++counts.hidden;
      if (location.record.building) ++counts.syncing;
      counts.journalOperations += location.journalOperations();
    }
  }
  return counts;
}

void writeJson(const StoreReader& reader, const RegistryView& view, const Counts& counts,
               const DiskUse& disk, const Output& output) {
  text::JsonWriter json(output.out);
  json.beginObject();
  json.text("directory", reader.dataDir());
  json.boolean("besideWriter", reader.besideWriter());
  json.number("sequence", reader.sequence());
  json.text("damage", reader.damage());
  json.number("formatVersion", reader.format().version);
  json.text("clusterId", clusterIdText(reader.format().clusterId));
  json.text("createdBy", reader.format().createdBy);
  json.number("createdWallMs", reader.format().createdWallMs);
  json.number("instances", view.instances.size());
  json.number("workers", view.workers.size());
  json.number("workersLost", counts.lost);
  json.number("locations", view.locations);
  json.number("locationsHidden", counts.hidden);
  json.number("locationsSyncing", counts.syncing);
  json.number("memberships", view.memberships);
  json.number("journalOperations", counts.journalOperations);
  json.number("events", view.events);
  json.number("eventsUnfinished", view.eventsUnfinished);
  json.text("contentDigest", view.content.hex());
  json.text("registryDigest", view.registry.hex());
  json.number("diskBytes", disk.all());
  json.number("tableBytes", disk.tables);
  json.number("logBytes", disk.logs);
  json.number("families", reader.families().size());
  json.beginList("damaged");
  for (const std::string& one : view.damaged) json.text({}, one);
  for (const std::string& one : view.damagedEvents) json.text({}, one);
  json.endList();
  json.endObject();
}

void print(const StoreReader& reader, const RegistryView& view, const Counts& counts,
           const DiskUse& disk, const Output& output) {
  const auto line = [&](const char* what, const std::string& value) {
    output.out << what << std::string(14 - std::string_view(what).size(), ' ') << value << '\n';
  };
  const FormatRecord& format = reader.format();
  line("store", reader.dataDir() + ", " +
                    (reader.besideWriter() ? "beside a running controller" : "stopped") +
                    ", as of write " + grouped(reader.sequence()));
  line("format", std::to_string(format.version) + ", cluster " + clusterIdText(format.clusterId) +
                     ", created by " + format.createdBy + " " +
                     text::agoText(format.createdWallMs));
  line("workers", grouped(view.workers.size()) + " in " + grouped(view.instances.size()) +
                      " instances, " + grouped(counts.lost) + " of them lost");
  line("locations", grouped(view.locations) + ", " + grouped(counts.hidden) + " hidden, " +
                        grouped(counts.syncing) + " in a full sync");
  line("chunks", grouped(view.memberships) + " memberships, " + grouped(counts.journalOperations) +
                     " operations in journals");
  line("events",
       grouped(view.events) + ", " + grouped(view.eventsUnfinished) + " of them unfinished");
  line("disk", bytesText(disk.all()) + ": " + bytesText(disk.tables) + " table files, " +
                   bytesText(disk.logs) + " write-ahead log; " + grouped(reader.families().size()) +
                   " families");
  line("digests", "content " + view.content.hex());
  line("", "registry " + view.registry.hex());
  if (!reader.damage().empty()) line("DAMAGED", reader.damage());
  for (const std::string& one : view.damaged) line("UNREADABLE", one);
  for (const std::string& one : view.damagedEvents) line("UNREADABLE", one);
  if (!reader.damage().empty() || !view.damaged.empty()) {
    line("", "the digests are without it; holdfast-inspect verify tells more");
  }
}

}  // namespace

ExitCode showSummary(const StoreReader& reader, const Output& output) {
  const RegistryView view = viewRegistry(reader, output.progress);
  const Counts counts = count(view);
  const DiskUse disk = diskUse(reader.dataDir());
  if (output.json) {
    writeJson(reader, view, counts, disk, output);
  } else {
    print(reader, view, counts, disk, output);
  }
  return reader.damage().empty() && view.damaged.empty() && view.damagedEvents.empty()
             ? kDone
             : kUnreadable;
}

ExitCode showDigest(const StoreReader& reader, const Output& output, bool content) {
  const RegistryView view = viewRegistry(reader, output.progress);
  if (!view.damaged.empty()) {
    output.err << "holdfast-inspect: there is no digest, because this cannot be read: "
               << view.damaged.front() << "\nholdfast-inspect verify tells more.\n";
    return kUnreadable;
  }
  const RegistryDigest& digest = content ? view.content : view.registry;
  if (output.json) {
    text::JsonWriter json(output.out);
    json.beginObject();
    json.text(content ? "contentDigest" : "registryDigest", digest.hex());
    json.number("sequence", reader.sequence());
    json.endObject();
  } else {
    output.out << digest.hex() << '\n';
  }
  return kDone;
}

}  // namespace holdfast::inspect
