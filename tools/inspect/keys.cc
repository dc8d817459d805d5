// keys, find: which keys a location holds, and which locations hold a key.
#include <algorithm>
#include <atomic>

#include "inspect/commands.h"
#include "inspect/filter.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "locks/mutex.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;
using text::hexText;

constexpr size_t kKeysPerLine = 1000;

uint64_t keysOf(const LocationHead& location) {
  return location.record.live.baseCount + location.journalOperations();
}

// One JSON object a line: keys come without end, and a list would have to be read whole.
void writeLines(const Output& output, const WorkerRecord& worker, const LocationRecord& location,
                std::span<const ChunkHash> keys) {
  while (!keys.empty()) {
    const auto some = keys.first(std::min(keys.size(), kKeysPerLine));
    keys = keys.subspan(some.size());
    output.out << "{\"instanceId\": ";
    text::writeQuoted(output.out, worker.instance);
    output.out << ", \"workerId\": " << worker.worker << ", \"location\": ";
    text::writeQuoted(output.out, location.name);
    output.out << ", \"hashes\": [";
    const char* separator = "";
    for (const ChunkHash key : some) {
      output.out << separator << "\"0x" << hexText(key) << '"';
      separator = ", ";
    }
    output.out << "]}\n";
  }
}

// Whether the location holds the key now. The error says why that cannot be read.
Result<bool> holds(const StoreReader& reader, size_t family, const LocationRecord& location,
                   ChunkHash hash) {
  LiveKeys keys(reader, family, location, {hash, hash});
  const bool held = !keys.next().empty();
  if (keys.error()) return *keys.error();
  return held;
}

}  // namespace

ExitCode showKeys(const StoreReader& reader, const Output& output, const Filter& filter,
                  KeyRange range) {
  const RegistryView view = viewRegistry(reader, output.progress);
  for (const std::string& one : view.damaged) {
    output.err << "holdfast-inspect: left out, because it cannot be read: " << one << '\n';
  }
  bool found = false;
  bool damaged = !view.damaged.empty();
  for (const StoredWorker& worker : view.workers) {
    const WorkerRecord& record = worker.head.record;
    if (!wanted(filter, record) || !output.out) continue;
    for (const LocationHead& location : worker.head.locations) {
      if (!wanted(filter, location.record) || !output.out) continue;
      found = true;
      if (!output.json) {
        output.out << "# instance " << record.instance << ", worker " << record.worker
                   << ", location " << location.record.name << ", " << grouped(location.count)
                   << " keys\n";
      }
      Meter meter(output.progress, "keys");
      meter.expect(location.count);
      LiveKeys keys(reader, worker.family, location.record, range);
      for (auto run = keys.next(); !run.empty() && output.out; run = keys.next()) {
        if (output.json) {
          writeLines(output, record, location.record, run);
        } else {
          for (const ChunkHash key : run) output.out << "0x" << hexText(key) << '\n';
        }
        meter.done(run.size());
        meter.show();
      }
      if (!keys.error()) continue;
      damaged = true;
      output.err << "holdfast-inspect: instance '" << record.instance << "' worker "
                 << record.worker << ": " << keys.error()->message
                 << "; holdfast-inspect verify tells more\n";
    }
  }
  if (damaged) return kUnreadable;
  return found || asksForAll(filter) ? kDone : kFound;
}

ExitCode findHolders(const StoreReader& reader, const Output& output, ChunkHash hash) {
  const RegistryView view = viewRegistry(reader, output.progress);
  Meter meter(output.progress, "keys");
  uint64_t total = 0;
  for (const StoredWorker& worker : view.workers) {
    for (const LocationHead& location : worker.head.locations) total += keysOf(location);
  }
  meter.expect(total);
  std::vector<std::vector<const LocationHead*>> holders(view.workers.size());
  std::vector<std::string> errors = view.damaged;
  Mutex mutex;
  forEach(view.workers.size(), meter, [&](size_t i) {
    const StoredWorker& worker = view.workers[i];
    for (const LocationHead& location : worker.head.locations) {
      const auto held = holds(reader, worker.family, location.record, hash);
      meter.done(keysOf(location));
      if (held.ok() && held.value()) holders[i].push_back(&location);
      if (held.ok()) continue;
      const MutexLock lock(mutex);
      errors.push_back("instance '" + worker.head.record.instance + "' worker " +
                       std::to_string(worker.head.record.worker) + ": " + held.error().message);
    }
  });

  size_t found = 0;
  text::Table table(
      {{"INSTANCE"}, {"RANK", text::Table::Align::kRight}, {"MODEL"}, {"LOCATION"}, {"NOTE"}});
  std::optional<text::JsonWriter> json;
  if (output.json) json.emplace(output.out).beginList();
  for (size_t i = 0; i < holders.size(); ++i) {
    const WorkerRecord& worker = view.workers[i].head.record;
    for (const LocationHead* location : holders[i]) {
      ++found;
      const bool hidden = location->record.live.hidden;
      const bool lost = worker.state == WorkerState::kLost;
      if (json) {
        json->beginObject();
        json->text("instanceId", worker.instance);
        json->number("workerId", worker.worker);
        json->text("model", worker.model);
        json->text("location", location->record.name);
        json->boolean("hidden", hidden);
        json->boolean("lost", lost);
        json->endObject();
      } else {
        table.add({worker.instance, std::to_string(worker.worker), worker.model,
                   location->record.name,
                   hidden ? "hidden: not looked up"
                   : lost ? "lost: not looked up"
                          : ""});
      }
    }
  }
  if (json) {
    json->endList();
  } else if (found == 0) {
    output.out << "nobody holds 0x" << hexText(hash) << '\n';
  } else {
    table.print(output.out);
  }
  for (const std::string& error : errors) {
    output.err << "holdfast-inspect: left out, because it cannot be read: " << error << '\n';
  }
  if (!errors.empty()) return kUnreadable;
  return found != 0 ? kDone : kFound;
}

}  // namespace holdfast::inspect
