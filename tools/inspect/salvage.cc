// salvage: a new store of what is left of a damaged one.
#include <filesystem>
#include <utility>

#include "core/ids.h"
#include "inspect/commands.h"
#include "inspect/family_rescue.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "inspect/verifier.h"
#include "migrations/migrations.h"
#include "store/salvage_view.h"
#include "store/staged_directory.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;

std::string describe(const Lost& lost) {
  std::string text;
  if (!lost.instance.empty()) text = "instance " + quotedForPeople(lost.instance);
  if (lost.worker) text += " worker " + std::to_string(*lost.worker);
  if (!lost.location.empty()) text += ", location " + quotedForPeople(lost.location);
  return text;
}

struct Salvaged {
  const std::string& dataDir;
  const std::string& into;
  const SalvageView& source;
  const std::vector<Lost>& lost;
  uint64_t eventsLost = 0;
  RegistryView view;  // of the new store
  uint64_t milliseconds = 0;

  bool complete() const { return lost.empty() && eventsLost == 0 && source.damage.empty(); }
  const Lost* lostOf(const WorkerRecord& worker, const std::string& location) const {
    for (const Lost& one : lost) {
      if (one.instance == worker.instance && one.worker == worker.worker &&
          one.location == location) {
        return &one;
      }
    }
    return nullptr;
  }
};

void printSalvaged(const Salvaged& salvaged, const Output& output) {
  std::ostream& out = output.out;
  text::Table table({{"INSTANCE"},
                     {"RANK", text::kRight},
                     {"LOCATION"},
                     {"CHUNKS", text::kRight},
                     {"SEQ", text::kRight},
                     {"SAVED"}});
  for (const StoredWorker& worker : salvaged.view.workers) {
    const WorkerRecord& record = worker.head.record;
    for (const LocationHead& location : worker.head.locations) {
      const bool whole = salvaged.lostOf(record, location.record.name) == nullptr;
      table.add({record.instance, std::to_string(record.worker), location.record.name,
                 grouped(location.count), grouped(location.lastSeq),
                 whole ? "all" : "up to this seq"});
    }
  }
  if (!table.empty()) table.print(out);
  for (const std::string& damage : salvaged.source.damage) out << "DAMAGED   " << damage << '\n';
  if (salvaged.source.rebuilt) {
    out << "DAMAGED   the list of table files was made anew: a table file that is missing is not "
           "noticed\n";
  }
  for (const Lost& lost : salvaged.lost) {
    const std::string who = describe(lost);
    out << (lost.partly ? "CUT       " : "LOST      ") << who << (who.empty() ? "" : ": ")
        << lost.why << '\n';
  }
  if (salvaged.eventsLost > 0) {
    out << "LOST      " << text::countText(salvaged.eventsLost, "event")
        << " of cache operations\n";
  }
  out << grouped(salvaged.view.workers.size()) << " workers with "
      << grouped(salvaged.view.memberships) << " memberships are in " << salvaged.into
      << ", recounted, registry digest " << salvaged.view.registry.hex() << ", "
      << text::durationText(salvaged.milliseconds) << '\n';
  if (!salvaged.complete()) {
    out << "holdfastd --data-dir " << salvaged.into
        << " starts on it; workers send what is missing when they register\n";
  }
}

void writeSalvaged(const Salvaged& salvaged, const Output& output) {
  text::JsonWriter json(output.out);
  json.beginObject();
  json.text("directory", salvaged.dataDir);
  json.text("into", salvaged.into);
  json.boolean("complete", salvaged.complete());
  json.boolean("rebuilt", salvaged.source.rebuilt);
  json.beginList("damage");
  for (const std::string& damage : salvaged.source.damage) json.text({}, damage);
  json.endList();
  json.beginList("saved");
  for (const StoredWorker& worker : salvaged.view.workers) {
    const WorkerRecord& record = worker.head.record;
    json.beginObject();
    json.text("instanceId", record.instance);
    json.number("workerId", record.worker);
    json.beginList("locations");
    for (const LocationHead& location : worker.head.locations) {
      json.beginObject();
      json.text("location", location.record.name);
      json.number("chunks", location.count);
      json.number("seq", location.lastSeq);
      json.boolean("whole", salvaged.lostOf(record, location.record.name) == nullptr);
      json.endObject();
    }
    json.endList();
    json.endObject();
  }
  json.endList();
  json.beginList("lost");
  for (const Lost& lost : salvaged.lost) {
    json.beginObject();
    json.text("instanceId", lost.instance);
    if (lost.worker) json.number("workerId", *lost.worker);
    json.text("location", lost.location);
    json.boolean("partly", lost.partly);
    json.text("why", lost.why);
    json.endObject();
  }
  json.endList();
  json.number("eventsLost", salvaged.eventsLost);
  json.number("workers", salvaged.view.workers.size());
  json.number("memberships", salvaged.view.memberships);
  json.text("registryDigest", salvaged.view.registry.hex());
  json.number("milliseconds", salvaged.milliseconds);
  json.endObject();
}

// Reads the new store as verify does. The error says what is wrong.
Result<RegistryView> checkNew(const std::string& directory, const Output& output) {
  const auto reader = StoreReader::open(directory);
  if (!reader.ok()) return reader.error();
  const VerifyOutcome verified = verify(*reader.value(), VerifyOptions(), output.progress);
  if (verified.problems != 0) {
    const Finding& first = verified.findings.front();
    return Error{ErrorCode::kInvalid,
                 "what was saved is not sound, which is a fault of this program: " +
                     describe(first.place) + ": " + first.what};
  }
  return viewRegistry(*reader.value(), output.progress);
}

}  // namespace

ExitCode salvage(const std::string& dataDir, const std::string& into, const Output& output) {
  const auto failed = [&](const std::string& why) {
    output.progress.clear();
    output.err << "holdfast-inspect: " << why << '\n';
    return kUnreadable;
  };
  const Meter clock(output.progress, "");
  std::error_code error;
  if (std::filesystem::exists(into, error)) {
    return failed(into + " exists already; name a directory that is new");
  }
  const auto scratch = StagedDirectory::begin(into + ".scratch");
  if (!scratch.ok()) return failed(scratch.error().message);
  const auto source = openForSalvage(dataDir, scratch.value()->directory());
  if (!source.ok()) return failed(source.error().message);
  const StoreReader& reader = *source.value().reader;
  if (reader.format().version > newestFormat()) return failed(reader.formatError());
  const auto rescued = rescueFamilies(reader, into, output.progress);
  if (!rescued.ok()) return failed(rescued.error().message);
  const RescuedFamilies& saved = rescued.value();
  auto view = checkNew(saved.writer->directory(), output);
  if (!view.ok()) return failed(view.error().message);
  if (const auto wrong = saved.writer->publish(view.value().registry.hex())) {
    return failed(wrong->message);
  }
  const Salvaged salvaged{dataDir,
                          into,
                          source.value(),
                          saved.lost,
                          saved.eventsLost,
                          std::move(view.value()),
                          static_cast<uint64_t>(clock.seconds() * 1000)};
  output.progress.clear();
  (output.json ? writeSalvaged : printSalvaged)(salvaged, output);
  return salvaged.complete() ? kDone : kFound;
}

}  // namespace holdfast::inspect
