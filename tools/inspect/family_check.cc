#include "inspect/family_check.h"

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"
#include "format/content_cursor.h"
#include "format/family_head.h"
#include "format/keys.h"
#include "format/registry_records.h"

namespace holdfast::inspect {

const char* const kQuarantined =
    "holdfastd starts all the same and quarantines the worker, which gets a clean slate when it "
    "registers; or restore a backup";

namespace {

constexpr size_t kReadaheadBytes = size_t{2} << 20;
// Of one location, and of keys of no kind.
constexpr size_t kFindingsMax = 16;

constexpr const char* kWrittenAnew = "the next start of holdfastd writes the record anew";
constexpr const char* kDeletedByFold = "harmless: nothing reads it, and the next fold deletes it";
constexpr const char* kUnnoticed =
    "holdfastd does not notice it: have the worker deregister and register again, or restore a "
    "backup";
constexpr const char* kDeletedAtStart = "harmless: the next start of holdfastd deletes it";

std::string hexOf(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  constexpr size_t kShownMax = 32;
  std::string text;
  for (const char byte : bytes.substr(0, kShownMax)) {
    text.push_back(kDigits[static_cast<uint8_t>(byte) >> 4]);
    text.push_back(kDigits[static_cast<uint8_t>(byte) & 15]);
  }
  return bytes.size() > kShownMax ? text + "..." : text;
}

class BuildingFaults : public ContentListener {
 public:
  explicit BuildingFaults(const Report& report) : report_(report) {}
  bool fault(const ContentFault& fault) override {
    any = any || fault.kind != ContentFault::Kind::kStrayKey;
    reportFault(fault, report_);
    return true;
  }
  bool any = false;

 private:
  const Report& report_;
};

class FamilyCheck {
 public:
  FamilyCheck(const StoreReader& reader, size_t family, const FamilyCheckOptions& options,
              Findings& findings)
      : family_(reader.families()[family]),
        owner_(*family_.owner),
        options_(options),
        findings_(findings),
        rows_(reader.rows(family, kReadaheadBytes)) {}

  void run() {
    if (owner_.kind == OwnerKind::kAbandoned) {
      add(Severity::kNote, "abandoned-family", "", "",
          "it was damaged and given up; its worker has another family or none",
          "the next start of holdfastd drops it");
      return;
    }
    if (owner_.kind == OwnerKind::kWorker) {
      worker();
    } else {
      instance();
    }
    inventory();
    unreadable();
  }

 private:
  void add(Severity severity, const char* kind, const std::string& location,
           const std::string& record, const std::string& what, const char* remedy) {
    Finding finding;
    finding.severity = severity;
    finding.kind = kind;
    finding.place = place(location, record);
    finding.what = what;
    finding.remedy = remedy;
    findings_.add(std::move(finding));
  }
  Place place(const std::string& location, const std::string& record) const {
    Place at;
    at.family = family_.name;
    at.instance = owner_.instance;
    if (owner_.kind == OwnerKind::kWorker) at.worker = owner_.worker;
    at.location = location;
    at.record = record;
    return at;
  }

  // False where reading failed.
  bool unreadable() {
    const auto error = rows_.error();
    if (!error) return true;
    if (!options_.tableDamaged && !std::exchange(unreadableSaid_, true)) {
      add(Severity::kProblem, "unreadable", "", "", "reading it fails: " + error->message,
          kQuarantined);
    }
    return false;
  }

  void instance() {
    const auto head = readInstanceHead(rows_, owner_);
    if (head.ok() || !unreadable()) return;
    add(Severity::kProblem, "instance-record", "", "instance record", head.error().message,
        kWrittenAnew);
  }

  void worker() {
    const auto value = rows_.find(workerKey());
    if (!unreadable()) return;
    const auto record = value ? decodeWorker(*value) : std::nullopt;
    std::string wrong;
    if (!value) {
      wrong = "it is missing";
    } else if (!record) {
      wrong = "it does not decode";
    } else if (record->instance != owner_.instance || record->worker != owner_.worker) {
      wrong = "it is that of instance '" + record->instance + "' worker " +
              std::to_string(record->worker);
    }
    if (!wrong.empty()) {
      add(Severity::kProblem, "worker-record", "", "worker record", wrong, kQuarantined);
    }
    locations();
    for (const auto& [id, location] : declared_) content(location);
  }

  void locations() {
    std::set<std::string> names;
    const StoreKey prefix = locationsPrefix();
    for (rows_.seek(prefix); rows_.at(prefix); rows_.next()) {
      const auto id = parseLocationKey(rows_.key());
      if (!id) continue;  // found by inventory()
      auto record = decodeLocation(rows_.value());
      const std::string name = "record of location " + std::to_string(*id);
      const auto wrong = [&](const std::string& what, const char* remedy = kUnnoticed) {
        add(Severity::kProblem, "location-record", record ? record->name : "", name, what, remedy);
      };
      if (!record) {
        wrong("it does not decode", kQuarantined);
        undecodable_.insert(*id);
        continue;
      }
      if (record->id != *id) {
        wrong("it says that it is " + std::to_string(record->id), kQuarantined);
      }
      record->id = *id;
      if (const auto bad = invalidId("its name", record->name, kLocationNameBytesMax)) wrong(*bad);
      if (!names.insert(record->name).second) wrong("another location has this name, too");
      if (record->live.generation >= record->nextGeneration) {
        wrong("its generation " + std::to_string(record->live.generation) +
              " is not below the next one, " + std::to_string(record->nextGeneration));
      }
      if (record->building && (record->building->generation >= record->nextGeneration ||
                               record->building->generation == record->live.generation)) {
        wrong("the generation that its full sync builds, " +
              std::to_string(record->building->generation) + ", is not one of its own");
      }
      declared_.emplace(*id, std::move(*record));
    }
    unreadable();
    if (declared_.size() > kLocationsPerWorkerMax) {
      add(Severity::kProblem, "too-many-locations", "", "",
          std::to_string(declared_.size()) + " locations, a worker may have " +
              std::to_string(kLocationsPerWorkerMax),
          kUnnoticed);
    }
  }

  void content(const LocationRecord& location) {
    size_t said = 0;
    const Report report = [&](const char* kind, const std::string& record,
                              const std::string& what) {
      if (++said <= kFindingsMax) {
        const bool leftBehind = std::string_view(kind) == "stale-journal";
        add(Severity::kProblem, kind, location.name, record, what,
            leftBehind ? kDeletedByFold : kQuarantined);
      } else if (said == kFindingsMax + 1) {
        add(Severity::kProblem, "and-more", location.name, "", "and more of the kind",
            kQuarantined);
      }
    };
    if (recount(rows_, location, options_.recount, report)) unreadable();
    if (location.building) building(location, *location.building, report);
  }

  // What a full sync has brought so far.
  void building(const LocationRecord& location, const BuildingPart& part, const Report& report) {
    BuildingFaults faults(report);
    ReusedMemory memory;
    uint64_t keys = 0;
    KeyDigest digest;
    uint64_t batches = 0;
    BatchCursor cursor(rows_, location.id, part, memory, faults);
    while (const auto batch = cursor.next()) {
      ++batches;
      keys += batch->keys.size();
      for (const ChunkHash hash : batch->keys) digest.add(hash);
      if (options_.recount.read) options_.recount.read(batch->keys.size());
    }
    if (!unreadable()) return;
    // What the worker stated: it is compared before the switch, and the sync fails.
    const bool whole = batches == part.batchCount;
    if (!faults.any && (keys > part.totalKeys ||
                        (whole && (keys != part.totalKeys || !(digest == part.digest))))) {
      add(Severity::kNote, "sync-mismatch", location.name, "building part",
          "its " + std::to_string(batches) + " batches of " + std::to_string(part.batchCount) +
              " have " + std::to_string(keys) + " keys; its worker stated " +
              std::to_string(part.totalKeys) +
              (keys == part.totalKeys ? " with another digest" : ""),
          "nothing needs to be done: the controller finds it at the end of the full sync");
    }
    JournalCursor journal(rows_, location.id, part, memory, faults);
    while (journal.next()) continue;
    unreadable();
  }

  // Looks at every record's key, or at the first one of those that only come together.
  void inventory() {
    size_t strange = 0;
    rows_.seek(StoreKey());
    while (rows_.valid()) {
      const std::string_view key = rows_.key();
      if (const auto segment = parseSegmentKey(key); segment && ofWorker()) {
        segments(*segment);
        rows_.seek(segmentsPrefix(segment->location, segment->generation, segment->fold).end());
      } else if (const auto journal = parseJournalKey(key); journal && ofWorker()) {
        const StoreKey range = journalPrefix(journal->location, journal->generation);
        leftBehind("journal", journal->location, journal->generation);
        rows_.seek(range.end());
      } else if (const auto batch = parseBatchKey(key); batch && ofWorker()) {
        batches(*batch);
        rows_.seek(batchesPrefix(batch->location, batch->generation).end());
      } else if (const auto pin = parsePinKey(key); pin && ofWorker()) {
        pins(pin->location);
      } else {
        const bool known = ofWorker() ? key == workerKey().view() || parseLocationKey(key)
                                      : key == instanceKey().view();
        if (!known && ++strange <= kFindingsMax) {
          add(Severity::kProblem, "unknown-key", "", "key " + hexOf(key),
              "a record of no kind that belongs here",
              "nothing reads it; if a newer program wrote it, use that one");
        }
        rows_.next();
      }
    }
  }
  bool ofWorker() const { return owner_.kind == OwnerKind::kWorker; }

  void segments(const SegmentKey& key) {
    if (leftBehind("segments", key.location, key.generation)) return;
    const LocationRecord& location = declared_.at(key.location);
    const LivePart& live = location.live;
    const bool isLive = key.generation == live.generation;
    if (isLive && key.fold == live.fold && key.fold != 0) return;
    const std::string name = "segments of generation " + std::to_string(key.generation) +
                             ", fold " + std::to_string(key.fold);
    if (isLive && key.fold == live.fold + 1) {
      add(Severity::kNote, "unfinished-fold", location.name, name,
          "of a fold that is under way or was interrupted",
          "nothing needs to be done: it is finished, or deleted by the next start of holdfastd");
    } else {
      add(Severity::kProblem, "stale-fold", location.name, name,
          "they were left behind: the live fold is " + std::to_string(live.fold), kDeletedAtStart);
    }
  }

  void batches(const BatchKey& key) {
    if (leftBehind("batches", key.location, key.generation)) return;
    const LocationRecord& location = declared_.at(key.location);
    if (key.generation != location.live.generation || location.live.fold == 0) return;
    add(Severity::kProblem, "stale-batches", location.name,
        "batches of generation " + std::to_string(key.generation),
        "they were left behind when it was folded", kDeletedAtStart);
  }

  // Goes over them. A pin of what is not held is no damage: the next start drops it.
  void pins(uint16_t id) {
    const auto found = declared_.find(id);
    const bool declared = found != declared_.end();
    const std::string location = declared ? found->second.name : "";
    if (!declared && !undecodable_.contains(id)) {
      add(Severity::kNote, "undeclared-location", "", "pins of location " + std::to_string(id),
          "there is no record of that location", kDeletedAtStart);
    }
    size_t damaged = 0;
    const StoreKey prefix = pinsPrefix(id);
    for (; rows_.at(prefix); rows_.next()) {
      const auto key = parsePinKey(rows_.key());
      if (key && decodePin(rows_.value())) continue;
      if (++damaged > kFindingsMax) continue;
      add(Severity::kProblem, "undecodable", location, "pin with the key " + hexOf(rows_.key()),
          "it does not decode", declared ? kQuarantined : kDeletedAtStart);
    }
  }

  // Whether a generation is neither live nor built; says so.
  bool leftBehind(const char* what, uint16_t id, uint32_t generation) {
    if (undecodable_.contains(id)) return true;
    const std::string name = std::string(what) + " of generation " + std::to_string(generation);
    const auto found = declared_.find(id);
    if (found == declared_.end()) {
      add(Severity::kProblem, "undeclared-location", "",
          name + " of location " + std::to_string(id), "there is no record of that location",
          kDeletedAtStart);
      return true;
    }
    const LocationRecord& location = found->second;
    if (generation == location.live.generation) return false;
    if (location.building && generation == location.building->generation) return false;
    add(Severity::kProblem, "stale-generation", location.name, name,
        "they were left behind: the live generation is " + std::to_string(location.live.generation),
        kDeletedAtStart);
    return true;
  }

  const StoreReader::Family& family_;
  const OwnerRecord& owner_;
  const FamilyCheckOptions& options_;
  Findings& findings_;
  FamilyRows rows_;
  std::map<uint16_t, LocationRecord> declared_;
  std::set<uint16_t> undecodable_;
  bool unreadableSaid_ = false;
};

}  // namespace

void checkFamily(const StoreReader& reader, size_t family, const FamilyCheckOptions& options,
                 Findings& findings) {
  FamilyCheck(reader, family, options, findings).run();
}

}  // namespace holdfast::inspect
