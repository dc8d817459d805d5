#include "inspect/family_rescue.h"

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <utility>

#include "core/ids.h"
#include "core/limits.h"
#include "format/family_head.h"
#include "format/keys.h"
#include "format/registry_records.h"
#include "inspect/event_walk.h"
#include "inspect/location_rescue.h"
#include "inspect/parallel.h"
#include "migrations/migrations.h"

namespace holdfast::inspect {
namespace {

constexpr size_t kSalvageReadahead = size_t{2} << 20;

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

class FamilyRescue {
 public:
  FamilyRescue(const StoreReader& reader, text::Progress& progress)
      : reader_(reader), progress_(progress) {}

  Result<RescuedFamilies> run(const std::string& into) {
    auto created = StoreWriter::create(into, format());
    if (!created.ok()) return created.error();
    writer_ = std::move(created.value());
    find();
    Meter meter(progress_, "keys");
    meter.expect(keysExpected());
    recount_.read = [&meter](uint64_t keys) {
      meter.done(keys);
      meter.show();
    };
    if (auto error = save()) return std::move(*error);
    return RescuedFamilies{std::move(writer_), std::move(lost_), eventsLost_};
  }

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

  std::optional<Error> save() {
    if (auto error = instances()) return error;
    for (const auto& [name, worker] : workers_) {
      if (auto error = save(worker)) return error;
    }
    if (auto error = events()) return error;
    return writer_->finish();
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
    if (!rows.valid() && !rows.error() && !of.owner) return;  // a free one
    const auto workerValue = rows.find(workerKey());
    const auto worker = workerValue ? decodeWorker(*workerValue) : std::nullopt;
    const auto instanceValue = worker ? std::nullopt : rows.find(instanceKey());
    const auto instance = instanceValue ? decodeInstance(*instanceValue) : std::nullopt;
    if (const auto error = rows.error(); error || (!worker && !instance)) {
      const std::string why = error ? "it cannot be read: " + error->message
                                    : "its own record is gone or does not decode";
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
  std::optional<Error> instances() {
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
    for (const auto& [name, instance] : instances_) {
      auto error = writer_->beginFamily(instance.owner);
      if (!error) error = writer_->put(instanceKey(), encodeRecord(instance.instance));
      if (error) return error;
    }
    return std::nullopt;
  }

  std::optional<Error> save(const SalvagedFamily& worker) {
    auto error = writer_->beginFamily(worker.owner);
    if (!error) error = writer_->put(workerKey(), encodeRecord(worker.worker));
    if (error) return error;
    auto rows = reader_.rows(worker.family, kSalvageReadahead);
    for (LocationRecord& location : locations(rows, worker.owner)) {
      const RescuePlan plan = planRescue(rows, location, recount_);
      if (!plan.why.empty()) {
        lost_.push_back(
            {worker.owner.instance, worker.owner.worker, location.name, plan.saved, plan.why});
      }
      if (!plan.saved) continue;
      error = rescue(rows, std::move(location), plan, *writer_);
      if (error) return error;
    }
    return std::nullopt;
  }

  // Those whose record is right.
  std::vector<LocationRecord> locations(FamilyRows& rows, const OwnerRecord& owner) {
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
    if (const auto error = rows.error()) {
      lose("", "not all of its locations can be read: " + error->message);
    }
    return all;
  }

  std::optional<Error> events() {
    std::optional<Error> failed;
    const auto error =
        walkEvents(reader_, {[&](const EventRecord& event, std::string_view value) {
                               if (!failed) failed = writer_->putEvent(event.id, value);
                             },
                             [&](std::string_view, const std::string&) { ++eventsLost_; }});
    if (error) lost_.push_back({"", std::nullopt, "", false, "not all events: " + error->message});
    return failed;
  }

  using Families = std::map<std::pair<std::string, uint32_t>, SalvagedFamily>;
  const StoreReader& reader_;
  text::Progress& progress_;
  std::unique_ptr<StoreWriter> writer_;
  Families instances_;
  Families workers_;
  RecountOptions recount_;
  std::vector<Lost> lost_;
  uint64_t eventsLost_ = 0;
};

}  // namespace

Result<RescuedFamilies> rescueFamilies(const StoreReader& reader, const std::string& into,
                                       text::Progress& progress) {
  return FamilyRescue(reader, progress).run(into);
}

}  // namespace holdfast::inspect
