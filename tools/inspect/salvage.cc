// salvage: a new store of what is left of a damaged one. Whatever is in it was true of its worker
// once; what cannot be shown to be is left out, and told.
#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"
#include "format/registry_records.h"
#include "inspect/commands.h"
#include "inspect/event_walk.h"
#include "inspect/location_rescue.h"
#include "inspect/parallel.h"
#include "inspect/registry_view.h"
#include "inspect/verifier.h"
#include "migrations/migrations.h"
#include "store/salvage_view.h"
#include "store/staged_directory.h"
#include "store/store_writer.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::inspect {
namespace {

using text::grouped;

constexpr size_t kSalvageReadahead = size_t{2} << 20;

// What is not in the new store. Parts that do not apply are empty.
struct Lost {
  std::string instance;
  std::optional<uint32_t> worker;
  std::string location;
  bool partly = false;  // some of it is saved
  std::string why;
};

std::string describe(const Lost& lost) {
  std::string text;
  if (!lost.instance.empty()) text = "instance " + quotedForPeople(lost.instance);
  if (lost.worker) text += " worker " + std::to_string(*lost.worker);
  if (!lost.location.empty()) text += ", location " + quotedForPeople(lost.location);
  return text;
}

// A family by what it says of itself: the owner records may be damaged, too.
struct SalvagedFamily {
  size_t family = 0;
  OwnerRecord owner;
  bool named = false;  // by an owner record, too
  WorkerRecord worker;
  InstanceRecord instance;

  // Of two of one owner, the one that counts.
  bool outranks(const SalvagedFamily& other) const {
    return std::tie(named, worker.registeredWallMs, worker.attempt) >
           std::tie(other.named, other.worker.registeredWallMs, other.worker.attempt);
  }
};

class Salvage {
 public:
  Salvage(const StoreReader& reader, const Output& output) : reader_(reader), output_(output) {}

  // Empty, or why there is no new store. It is finished, but not published.
  std::string run(const std::string& into) {
    auto created = StoreWriter::create(into, format());
    if (!created.ok()) return created.error().message;
    writer_ = std::move(created.value());
    find();
    Meter meter(output_.progress, "keys");
    meter.expect(keysExpected());
    recount_.read = [&meter](uint64_t keys) {
      meter.done(keys);
      meter.show();
    };
    std::string error = instances();
    for (const auto& [name, worker] : workers_) {
      if (!error.empty()) return error;
      error = save(worker);
    }
    if (error.empty()) error = events();
    return error.empty() ? writer_->finish() : error;
  }

  StoreWriter& writer() { return *writer_; }
  const std::vector<Lost>& lost() const { return lost_; }
  uint64_t eventsLost() const { return eventsLost_; }

 private:
  // That of the store, or one like that of a new store if it is lost.
  FormatRecord format() {
    if (reader_.formatError().empty()) return reader_.format();
    lost_.push_back({"", std::nullopt, "", false,
                     "the format record is gone: the new store gets a cluster id of its own"});
    FormatRecord fresh;
    fresh.version = newestFormat();
    fresh.createdBy = "holdfast-inspect";
    std::random_device random;
    for (uint8_t& byte : fresh.clusterId) byte = static_cast<uint8_t>(random());
    return fresh;
  }

  void find() {
    const auto& families = reader_.families();
    for (size_t i = 0; i < families.size(); ++i) {
      if (!parseFamilyName(families[i].name)) continue;
      if (families[i].owner && families[i].owner->kind == OwnerKind::kAbandoned) continue;
      look(i);
    }
    for (const StoreReader::Family& gone : reader_.missingFamilies()) {
      if (gone.owner && gone.owner->kind != OwnerKind::kAbandoned)
        lose(*gone.owner, "all of it is gone");
    }
  }

  void look(size_t family) {
    const StoreReader::Family& of = reader_.families()[family];
    SalvagedFamily found;
    found.family = family;
    auto rows = reader_.rows(family);
    rows.seek(StoreKey());
    if (!rows.valid() && rows.error().empty() && !of.owner) return;  // a free one
    const auto valueOf = [&](const StoreKey& key) {
      rows.seek(key);
      const bool there = rows.valid() && rows.key() == key.view();
      return there ? std::string(rows.value()) : std::string();
    };
    const auto worker = decodeWorker(valueOf(workerKey()));
    const auto instance = worker ? std::nullopt : decodeInstance(valueOf(instanceKey()));
    if (!rows.error().empty() || (!worker && !instance)) {
      const std::string why = rows.error().empty() ? "its own record is gone or does not decode"
                                                   : "it cannot be read: " + rows.error();
      if (of.owner) return lose(*of.owner, why);
      return lost_.push_back({"", std::nullopt, "", false, "family " + of.name + ": " + why});
    }
    if (worker) {
      found.worker = *worker;
      found.owner = {worker->instance, OwnerKind::kWorker, worker->worker};
    } else {
      found.instance = *instance;
      found.owner = {instance->instance, OwnerKind::kInstance, 0};
    }
    found.named = of.owner && of.owner->kind == found.owner.kind &&
                  of.owner->instance == found.owner.instance &&
                  of.owner->worker == found.owner.worker;
    if (const auto bad = invalidId("its instance", found.owner.instance, kInstanceIdBytesMax)) {
      return lost_.push_back({"", std::nullopt, "", false, "family " + of.name + ": " + *bad});
    }
    add(std::move(found));
  }

  void add(SalvagedFamily found) {
    auto& known = found.owner.kind == OwnerKind::kWorker ? workers_ : instances_;
    const auto key = std::make_pair(found.owner.instance, found.owner.worker);
    const auto [at, fresh] = known.try_emplace(key, found);
    if (fresh) return;
    if (found.outranks(at->second)) std::swap(at->second, found);
    lose(found.owner, "family " + reader_.families()[found.family].name +
                          " is another one of it, of an earlier time");
    lost_.back().partly = true;
  }

  void lose(const OwnerRecord& owner, const std::string& why) {
    Lost lost{owner.instance, std::nullopt, "", false, why};
    if (owner.kind == OwnerKind::kWorker) lost.worker = owner.worker;
    lost_.push_back(std::move(lost));
  }

  uint64_t keysExpected() const {
    uint64_t keys = 0;
    for (const auto& [name, worker] : workers_) {
      auto rows = reader_.rows(worker.family);
      const auto head = readWorkerHead(rows, worker.owner);
      if (!head.ok()) continue;
      for (const LocationHead& location : head.value().locations) {
        keys += location.record.live.baseCount + location.journalOperations();
      }
    }
    return keys;
  }

  // Those that are there, and those that only their workers tell of.
  std::string instances() {
    for (const auto& [name, worker] : workers_) {
      const auto key = std::make_pair(worker.owner.instance, uint32_t{0});
      if (instances_.contains(key)) continue;
      SalvagedFamily& made = instances_[key];
      made.owner = {worker.owner.instance, OwnerKind::kInstance, 0};
      made.instance.instance = worker.owner.instance;
      made.instance.worldSize = worker.worker.worldSize;
      made.instance.createdWallMs = worker.worker.registeredWallMs;
      const std::string& instance = worker.owner.instance;
      const bool said = std::any_of(lost_.begin(), lost_.end(), [&](const Lost& lost) {
        return lost.instance == instance && !lost.worker;
      });
      if (said) continue;
      lose(made.owner, "its own record is gone, so nobody knows whether it was drained");
      lost_.back().partly = true;
    }
    std::string error;
    for (const auto& [name, instance] : instances_) {
      if (error.empty()) error = writer_->beginFamily(instance.owner);
      if (error.empty()) error = writer_->put(instanceKey(), encodeRecord(instance.instance));
    }
    return error;
  }

  std::string save(const SalvagedFamily& worker) {
    std::string error = writer_->beginFamily(worker.owner);
    if (error.empty()) error = writer_->put(workerKey(), encodeRecord(worker.worker));
    if (!error.empty()) return error;
    auto rows = reader_.rows(worker.family, kSalvageReadahead);
    for (LocationRecord& location : locations(rows, worker.owner)) {
      const RescuePlan plan = planRescue(rows, location, recount_);
      if (!plan.why.empty()) {
        lost_.push_back(
            {worker.owner.instance, worker.owner.worker, location.name, plan.saved, plan.why});
      }
      if (!plan.saved) continue;
      error = rescue(rows, std::move(location), plan, *writer_);
      if (!error.empty()) return error;
    }
    return "";
  }

  // Those whose record is right.
  std::vector<LocationRecord> locations(StoreReader::Rows& rows, const OwnerRecord& owner) {
    std::vector<LocationRecord> all;
    std::set<std::string> names;
    const auto lose = [&](const std::string& name, const std::string& why) {
      lost_.push_back({owner.instance, owner.worker, name, false, why});
    };
    const StoreKey prefix = locationsPrefix();
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      const auto id = parseLocationKey(rows.key());
      auto record = decodeLocation(rows.value());
      const std::string which = "location " + (id ? std::to_string(*id) : "of no number");
      if (!id || !record || record->id != *id) {
        lose("", "the record of " + which + " does not decode");
      } else if (const auto bad = invalidId("its name", record->name, kLocationNameBytesMax)) {
        lose("", which + ": " + *bad);
      } else if (all.size() == kLocationsPerWorkerMax || !names.insert(record->name).second) {
        lose(record->name, "another location has its name, or there are too many");
      } else if (record->live.generation >= record->nextGeneration) {
        lose(record->name, "its generation is not below the next one");
      } else {
        all.push_back(std::move(*record));
      }
    }
    if (const std::string error = rows.error(); !error.empty()) {
      lose("", "not all of its locations can be read: " + error);
    }
    return all;
  }

  std::string events() {
    std::string failed;
    const std::string error =
        walkEvents(reader_, {[&](const EventRecord& event, std::string_view value) {
                               if (failed.empty()) failed = writer_->putEvent(event.id, value);
                             },
                             [&](std::string_view, const std::string&) { ++eventsLost_; }});
    if (!error.empty()) lost_.push_back({"", std::nullopt, "", false, "not all events: " + error});
    return failed;
  }

  using Families = std::map<std::pair<std::string, uint32_t>, SalvagedFamily>;
  const StoreReader& reader_;
  const Output& output_;
  std::unique_ptr<StoreWriter> writer_;
  Families instances_;
  Families workers_;
  RecountOptions recount_;
  std::vector<Lost> lost_;
  uint64_t eventsLost_ = 0;
};

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

// Reads the new store as verify does. Empty, or what is wrong.
std::string checkNew(const std::string& directory, RegistryView& view, const Output& output) {
  const auto reader = StoreReader::open(directory);
  if (!reader.ok()) return reader.error().message;
  const VerifyOutcome verified = verify(*reader.value(), VerifyOptions(), output.progress);
  if (verified.problems != 0) {
    const Finding& first = verified.findings.front();
    return "what was saved is not sound, which is a fault of this program: " +
           describe(first.place) + ": " + first.what;
  }
  view = viewRegistry(*reader.value(), output.progress);
  return "";
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
  Salvage work(reader, output);
  std::string wrong = work.run(into);
  Salvaged salvaged{dataDir, into, source.value(), work.lost(), work.eventsLost(), {}, 0};
  if (wrong.empty()) wrong = checkNew(work.writer().directory(), salvaged.view, output);
  if (wrong.empty()) wrong = work.writer().publish(salvaged.view.registry.hex());
  if (!wrong.empty()) return failed(wrong);
  salvaged.milliseconds = static_cast<uint64_t>(clock.seconds() * 1000);
  output.progress.clear();
  (output.json ? writeSalvaged : printSalvaged)(salvaged, output);
  return salvaged.complete() ? kDone : kFound;
}

}  // namespace holdfast::inspect
