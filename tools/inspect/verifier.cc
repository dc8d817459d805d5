#include "inspect/verifier.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

#include "core/ids.h"
#include "format/family_head.h"
#include "format/keys.h"
#include "format/registry_records.h"
#include "inspect/event_walk.h"
#include "inspect/family_check.h"
#include "inspect/parallel.h"
#include "locks/mutex.h"
#include "store/store_loss.h"

namespace holdfast::inspect {
namespace {

constexpr const char* kLeftOutByExport =
    "restore a backup; or export this store and import that, which leaves it out";

constexpr const char* kRestore =
    "restore a backup, or start holdfastd, which serves what it can read";

constexpr const char* kLost =
    "start holdfastd: it serves what there is, and workers send what is missing when they "
    "register; or start on a newer backup";

class Verifier {
 public:
  Verifier(const StoreReader& reader, const VerifyOptions& options, text::Progress& progress)
      : reader_(reader), options_(options), progress_(progress) {}

  VerifyOutcome run() {
    if (!reader_.formatError().empty()) {
      add(Severity::kProblem, "format", {}, reader_.formatError(),
          "nothing else can be checked until then");
    } else {
      losses();
      tables();
      owners();
      contents();
    }
    outcome_.findings = findings_.sorted();
    outcome_.problems = findings_.problems();
    outcome_.notes = findings_.notes();
    outcome_.keys = keys_;
    return std::move(outcome_);
  }

 private:
  void add(Severity severity, const char* kind, Place place, const std::string& what,
           const char* remedy) {
    Finding finding;
    finding.severity = severity;
    finding.kind = kind;
    finding.place = std::move(place);
    finding.what = what;
    finding.remedy = remedy;
    findings_.add(std::move(finding));
  }

  Place placeOf(const StoreReader::Family& family, const std::string& record = {}) const {
    Place place;
    place.family = family.name;
    place.record = record;
    if (!family.owner) return place;
    place.instance = family.owner->instance;
    if (family.owner->kind == OwnerKind::kWorker) place.worker = family.owner->worker;
    return place;
  }

  // What had been confirmed and is not there, by the commit mark and the logs; then per location.
  void losses() {
    if (reader_.losses().empty()) return;
    const Severity severity = reader_.lossIsDamage() ? Severity::kProblem : Severity::kNote;
    for (const std::string& what : reader_.losses()) {
      add(severity, "lost-writes", {}, what, kLost);
    }
    if (reader_.mark() == nullptr) return;
    for (size_t i = 0; i < reader_.families().size(); ++i) {
      const StoreReader::Family& family = reader_.families()[i];
      const auto number = parseFamilyName(family.name);
      const auto mark =
          number ? reader_.mark()->families.find(*number) : reader_.mark()->families.end();
      if (mark == reader_.mark()->families.end()) continue;
      if (mark->second.owner.kind == OwnerKind::kWorker) behind(i, family, mark->second, severity);
    }
  }

  void behind(size_t i, const StoreReader::Family& family, const FamilyMark& mark,
              Severity severity) {
    if (!family.owner || family.owner->instance != mark.owner.instance ||
        family.owner->worker != mark.owner.worker) {
      Place place;
      place.family = family.name;
      place.instance = mark.owner.instance;
      place.worker = mark.owner.worker;
      add(severity, "lost-worker", place, "it had registered, and the store does not know it",
          "nothing needs to be done: it registers again");
      return;
    }
    auto rows = reader_.rows(i);
    const auto head = readWorkerHead(rows, *family.owner);
    if (!head.ok()) return;  // see contents()
    std::vector<LocationRecord> records;
    std::vector<LocationMark> ends;
    for (const LocationHead& location : head.value().locations) {
      const LivePart& live = location.record.live;
      records.push_back(location.record);
      ends.push_back({location.record.id, live.generation, live.stream, location.lastSeq});
      // Where its journal ends is not looked at: a full sync goes on by what the worker states.
      if (!location.record.building) continue;
      ends.push_back({location.record.id, location.record.building->generation, 0,
                      std::numeric_limits<uint64_t>::max()});
    }
    for (const LocationLoss& loss : compareWithMark(mark, records, ends)) {
      add(severity, "behind", placeOf(family), describe(loss), kLost);
    }
  }

  // Every block of every table file.
  void tables() {
    std::map<std::string, const StoreReader::Family*> byName;
    for (const StoreReader::Family& family : reader_.families()) byName[family.name] = &family;
    const auto tables = reader_.tableFiles();
    Meter meter(progress_, "bytes of table files");
    for (const auto& table : tables) outcome_.tableBytes += table.bytes;
    outcome_.tableFiles = tables.size();
    meter.expect(outcome_.tableBytes);
    Mutex mutex;
    forEach(tables.size(), meter, [&](size_t i) {
      const auto error = reader_.verifyTable(tables[i]);
      meter.done(tables[i].bytes);
      if (!error) return;
      const auto found = byName.find(tables[i].family);
      Place place;
      if (found != byName.end()) place = placeOf(*found->second);
      place.family = tables[i].family;
      place.record = "table file " + tables[i].path;
      const bool ofWorker = place.worker.has_value();
      add(Severity::kProblem, "table-file", place, error->message,
          ofWorker ? kQuarantined : kRestore);
      const MutexLock lock(mutex);
      damagedTables_.insert(tables[i].family);
    });
    if (!reader_.damage().empty() && damagedTables_.empty()) {
      add(Severity::kProblem, "unopenable", {}, reader_.damage(), kRestore);
    }
    outcome_.seconds += meter.seconds();
  }

  // What the owner records say, compared with each other and with what families there are.
  void owners() {
    std::set<std::string> instances;
    std::map<std::string, const StoreReader::Family*> instanceOf;  // one of its workers
    std::map<std::tuple<OwnerKind, std::string, uint32_t>, std::string> known;
    for (const StoreReader::Family& family : reader_.families()) {
      if (family.ownerDamaged) {
        add(Severity::kProblem, "owner-record", placeOf(family, "owner record"),
            "it does not decode", "holdfastd does not start on it; restore a backup");
      }
      if (!family.owner) {
        if (!family.ownerDamaged) unowned(family);
        continue;
      }
      ++outcome_.families;
      const OwnerRecord& owner = *family.owner;
      if (owner.kind == OwnerKind::kAbandoned) continue;
      const auto [first, added] =
          known.try_emplace({owner.kind, owner.instance, owner.worker}, family.name);
      if (!added) {
        add(Severity::kProblem, "second-family", placeOf(family, "owner record"),
            "family " + first->second + " has the same owner",
            "the next start of holdfastd abandons it");
      }
      if (owner.kind == OwnerKind::kInstance) {
        instances.insert(owner.instance);
      } else {
        instanceOf.try_emplace(owner.instance, &family);
      }
    }
    for (const StoreReader::Family& family : reader_.missingFamilies()) {
      if (family.owner && family.owner->kind == OwnerKind::kAbandoned) continue;
      add(Severity::kProblem, "missing-family", placeOf(family, "owner record"),
          "there is no such family: what was in it is gone",
          "the next start of holdfastd forgets the owner; restore a backup to have it back");
    }
    for (const auto& [instance, family] : instanceOf) {
      if (instances.contains(instance)) continue;
      Place place;
      place.instance = instance;
      place.record = "instance record";
      add(Severity::kProblem, "missing-instance", place,
          "there is none, though a worker of the instance is in family " + family->name,
          "the next start of holdfastd writes one, without world size and time");
    }
    for (const std::string& instance : instances) {
      if (instanceOf.contains(instance)) continue;
      Place place;
      place.instance = instance;
      add(Severity::kNote, "no-workers", place, "it has no workers", "nothing needs to be done");
    }
    for (const auto& [instance, family] : instanceOf) instances.insert(instance);
    events(instances);
  }

  // Of cache operations; nothing else in the store depends on them.
  void events(const std::set<std::string>& instances) {
    const auto placeOfEvent = [](std::string_view id) {
      Place place;
      place.family = kEventsFamily;
      place.record = "event " + quotedForPeople(id);
      return place;
    };
    const auto known = [&](const EventRecord& event, std::string_view) {
      if (instances.contains(event.instance)) return;
      const std::string what = "its instance " + quotedForPeople(event.instance) +
                               " is not in the store: the last of its workers has left";
      add(Severity::kNote, "event-instance", placeOfEvent(event.id), what,
          event.final() ? "nothing needs to be done: events are kept for a while"
                        : "nothing needs to be done: the next start of holdfastd ends it");
    };
    const auto damaged = [&](std::string_view id, const std::string& what) {
      add(Severity::kProblem, "event", placeOfEvent(id), what,
          "the next start of holdfastd drops it, or takes it for the one that it says it is");
    };
    const auto error = walkEvents(reader_, {known, damaged});
    if (!error || damagedTables_.contains(std::string(kEventsFamily))) return;
    Place place;
    place.family = kEventsFamily;
    add(Severity::kProblem, "unreadable", place, error->message,
        "holdfastd starts with the events that it can read");
  }

  void unowned(const StoreReader::Family& family) {
    if (family.name == kEventsFamily) return;  // see events()
    if (!parseFamilyName(family.name)) {
      add(Severity::kNote, "unknown-family", placeOf(family),
          "this program does not know what is in it", "if a newer program wrote it, use that one");
      return;
    }
    const auto at = static_cast<size_t>(&family - reader_.families().data());
    auto rows = reader_.rows(at);
    rows.seek(StoreKey());
    if (rows.valid()) {
      add(Severity::kProblem, "unowned-family", placeOf(family),
          "it holds records, though nobody owns it", kLeftOutByExport);
    } else if (const auto error = rows.error(); error && !damagedTables_.contains(family.name)) {
      add(Severity::kProblem, "unreadable", placeOf(family), error->message, kLeftOutByExport);
    }
  }

  // What is in the families, the largest first, so that no thread is left with one in the end.
  void contents() {
    const auto& families = reader_.families();
    std::vector<uint64_t> sizes(families.size());
    std::vector<size_t> order;
    for (size_t i = 0; i < families.size(); ++i) {
      if (families[i].owner) order.push_back(i);
    }
    Meter meter(progress_, "keys");
    forEach(order.size(), meter, [&](size_t i) { sizes[order[i]] = estimate(order[i]); });
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return sizes[a] != sizes[b] ? sizes[a] > sizes[b] : a < b;
    });
    meter.expect(std::accumulate(sizes.begin(), sizes.end(), uint64_t{0}));
    FamilyCheckOptions options;
    options.recount.keysMax = std::max<uint64_t>(1, options_.keysMax / workThreads());
    options.recount.read = [&](uint64_t keys) {
      meter.done(keys);
      keys_.fetch_add(keys, std::memory_order_relaxed);
    };
    forEach(order.size(), meter, [&](size_t i) {
      FamilyCheckOptions one = options;
      one.tableDamaged = damagedTables_.contains(families[order[i]].name);
      checkFamily(reader_, order[i], one, findings_);
    });
    outcome_.seconds += meter.seconds();
  }

  // Keys to be read.
  uint64_t estimate(size_t family) const {
    const OwnerRecord& owner = *reader_.families()[family].owner;
    if (owner.kind != OwnerKind::kWorker) return 0;
    auto rows = reader_.rows(family);
    const auto head = readWorkerHead(rows, owner);
    if (!head.ok()) return 0;
    uint64_t keys = 0;
    for (const LocationHead& location : head.value().locations) {
      keys += location.record.live.baseCount + location.journalOperations();
      if (location.record.building) keys += location.record.building->totalKeys;
    }
    return keys;
  }

  const StoreReader& reader_;
  const VerifyOptions& options_;
  text::Progress& progress_;
  Findings findings_;
  VerifyOutcome outcome_;
  std::set<std::string> damagedTables_;
  std::atomic<uint64_t> keys_{0};
};

}  // namespace

VerifyOutcome verify(const StoreReader& reader, const VerifyOptions& options,
                     text::Progress& progress) {
  return Verifier(reader, options, progress).run();
}

}  // namespace holdfast::inspect
