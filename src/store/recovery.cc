#include "store/recovery.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "core/ids.h"
#include "format/event_records.h"
#include "format/keys.h"
#include "store/content_reader.h"
#include "store/head_reader.h"
#include "store/recovery_queue.h"
#include "store/start_meter.h"
#include "store/store_loss.h"

namespace holdfast {
namespace {

// A second family of the same owner can come of a damaged log only: a release in it is skipped,
// the binding behind it is not. The next open drops it.
void abandon(Database& database, const StoreOptions& options, RecoveredOwner& owner,
             rocksdb::WriteBatch& leftovers) {
  const std::string& family = database.name(owner.family);
  owner.record.kind = OwnerKind::kAbandoned;
  const rocksdb::Status status =
      leftovers.Put(database.defaultFamily(), ownerKey(family), encodeRecord(owner.record));
  HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  if (options.log) {
    options.log(LogLevel::kWarning, "family " + family + " is a second one of instance " +
                                        owner.record.instance + " and is abandoned");
  }
}

// One that cannot be read is dropped: nothing else depends on it.
void readEvents(Database& database, const StoreOptions& options, RecoverySink& sink,
                rocksdb::WriteBatch& leftovers) {
  const auto warn = [&](const std::string& text) {
    if (options.log) options.log(LogLevel::kWarning, text);
  };
  const std::unique_ptr<rocksdb::Iterator> records(
      database.db()->NewIterator(rocksdb::ReadOptions(), database.eventsFamily()));
  for (records->SeekToFirst(); records->Valid(); records->Next()) {
    if (auto event = decodeEvent(records->value().ToStringView())) {
      sink.event(std::move(*event));
      continue;
    }
    warn("the record of event " + quotedForPeople(records->key().ToStringView().substr(1)) +
         " is damaged and dropped");
    const rocksdb::Status status = leftovers.Delete(database.eventsFamily(), records->key());
    HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  }
  if (!records->status().ok()) {
    warn("not all events can be read: " + records->status().ToString());
  }
}

// Says how far back each worker and location is, and tells the sink of those that are there. One
// that was back at an earlier start, and whose worker did not come since, still is.
class LossReport {
 public:
  LossReport(const Database& database, const StoreOptions& options, RecoverySink& sink)
      : database_(database), options_(options), sink_(sink) {}

  void run(std::vector<RecoveredOwner>& owners) {
    const bool lost = database_.loss().any();
    if (!database_.mark()) {
      if (lost) withoutMark(owners);
      return;
    }
    std::map<uint32_t, RecoveredOwner*> byFamily;
    for (RecoveredOwner& owner : owners) byFamily[numberOf(owner)] = &owner;
    for (const auto& [number, mark] : database_.mark()->families) {
      if (mark.owner.kind != OwnerKind::kWorker) continue;
      const auto found = byFamily.find(number);
      const bool same = found != byFamily.end() &&
                        found->second->record.kind == OwnerKind::kWorker &&
                        found->second->record.instance == mark.owner.instance &&
                        found->second->record.worker == mark.owner.worker;
      if (!same) {
        if (lost) say(mark.owner, "is gone: it had registered, which is lost");
      } else if (!found->second->damage) {
        stillOwed(mark, *found->second);
        if (lost) compare(mark, *found->second);
      }
    }
    if (said_ > kLinesMax) {
      warn("and " + std::to_string(said_ - kLinesMax) + " more workers or locations are behind");
    }
  }

 private:
  // A fleet of thousands must not hide the rest of the log.
  static constexpr size_t kLinesMax = 200;

  uint32_t numberOf(const RecoveredOwner& owner) const {
    return parseFamilyName(database_.name(owner.family)).value_or(0);
  }

  void stillOwed(const FamilyMark& mark, RecoveredOwner& owner) {
    for (const LocationMark& known : mark.locations) {
      for (LocationMark& end : owner.ends) {
        if (known.owed == 0 || end.location != known.location ||
            end.generation != known.generation || end.stream != known.stream ||
            end.seq >= known.owed) {
          continue;
        }
        owe(owner, end, known.owed);
      }
    }
  }

  void compare(const FamilyMark& mark, RecoveredOwner& owner) {
    for (const LocationLoss& loss : compareWithMark(mark, owner.locations, owner.ends)) {
      say(mark.owner, describe(loss));
      for (LocationMark& end : owner.ends) {
        if (end.location == loss.location) owe(owner, end, loss.to);
      }
    }
  }

  // Nothing says what was confirmed: whoever may have lost something is behind.
  void withoutMark(std::vector<RecoveredOwner>& owners) {
    for (RecoveredOwner& owner : owners) {
      if (owner.record.kind != OwnerKind::kWorker || owner.damage) continue;
      if (!database_.loss().cut.contains(database_.name(owner.family))) continue;
      say(owner.record, "may be behind: its newest records may have been among those");
      for (const LocationRecord& location : owner.locations) {
        sink_.behind(owner.id, location.id, 0);
      }
    }
  }

  void owe(const RecoveredOwner& owner, LocationMark& end, uint64_t confirmed) {
    end.owed = std::max<uint64_t>(confirmed, 1);
    sink_.behind(owner.id, end.location, confirmed);
  }
  void say(const OwnerRecord& owner, const std::string& what) {
    if (said_++ >= kLinesMax) return;
    warn("instance '" + owner.instance + "' worker " + std::to_string(owner.worker) + ": " + what);
  }
  void warn(const std::string& text) {
    if (options_.log) options_.log(LogLevel::kWarning, text);
  }

  const Database& database_;
  const StoreOptions& options_;
  RecoverySink& sink_;
  size_t said_ = 0;
};

void feed(RecoverySink& sink, const RecoveryPart& part, RecoveredOwner& owner, StartMeter& meter) {
  for (const RecoveryRow& row : part.rows) {
    const auto& keys = row.entry.operations.keys;
    switch (row.kind) {
      case RecoveryRow::Kind::kSegment:
        sink.segment(part.owner, row.location, keys);
        break;
      case RecoveryRow::Kind::kJournal:
        sink.journal(part.owner, row.location, row.entry);
        break;
      case RecoveryRow::Kind::kBatch:
        sink.batch(part.owner, row.location, row.number, keys);
        break;
      case RecoveryRow::Kind::kBuildingJournal:
        sink.buildingJournal(part.owner, row.location, row.entry);
        break;
    }
    meter.add(row.entry.operations.size());
  }
  meter.add(0);
  if (!part.last) return;
  if (!part.damage) {
    for (const RecoveredPins& pins : part.pins) {
      sink.pins(part.owner, pins.location, pins.record, pins.chunks);
    }
    sink.finish(part.owner);
  } else {
    owner.damage = part.damage;
    sink.damaged(part.owner, owner.record.instance, true, owner.record.worker,
                 part.damage->message);
  }
}

}  // namespace

RecoveryOutcome recoverAll(Database& database, const StoreOptions& options, RecoverySink& sink) {
  RecoveryOutcome outcome;
  auto& owners = outcome.owners;
  std::vector<InstanceRecord> instances;
  std::vector<WorkerRecord> workers;  // of the readable owners, in order
  std::vector<OwnerId> instanceIds;
  std::vector<OwnerId> workerIds;
  RecoverySummary summary;
  std::map<std::string, uint64_t> largest;  // chunks of an instance's largest worker
  uint64_t keysTotal = 0;
  owners.resize(database.owned().size());
  std::set<std::tuple<OwnerKind, std::string, uint32_t>> names;
  StartMeter heads(options, "reading the records", "families", owners.size());
  for (OwnerId id = 0; id < owners.size(); ++id) {
    heads.show(id);
    RecoveredOwner& owner = owners[id];
    owner.id = id;
    owner.family = database.owned()[id].family;
    owner.record = database.owned()[id].record;
    if (!names.emplace(owner.record.kind, owner.record.instance, owner.record.worker).second) {
      abandon(database, options, owner, outcome.leftovers);
      continue;
    }
    HeadReader head(database, owner, outcome.leftovers);
    if (owner.record.kind == OwnerKind::kInstance) {
      if (auto record = head.instance()) {
        instances.push_back(std::move(*record));
        instanceIds.push_back(id);
      }
    } else if (auto record = head.worker()) {
      workers.push_back(std::move(*record));
      workerIds.push_back(id);
    }
    keysTotal += owner.keys;
    summary.chunksEstimate += owner.chunks;
    uint64_t& ofInstance = largest[owner.record.instance];
    ofInstance = std::max(ofInstance, owner.chunks);
  }
  for (const auto& [instance, chunks] : largest) summary.distinctEstimate += chunks;
  summary.instances = instances.size();
  summary.workers = workers.size();

  sink.begin(summary);
  readEvents(database, options, sink, outcome.leftovers);
  for (size_t i = 0; i < instances.size(); ++i) sink.instance(instanceIds[i], instances[i]);
  for (size_t i = 0; i < workers.size(); ++i) {
    sink.worker(workerIds[i], workers[i], owners[workerIds[i]].locations);
  }
  for (const RecoveredOwner& owner : owners) {
    if (!owner.damage) continue;
    sink.damaged(owner.id, owner.record.instance, owner.record.kind == OwnerKind::kWorker,
                 owner.record.worker, owner.damage->message);
  }

  LossReport(database, options, sink).run(owners);

  // The largest first, so that no thread is left with a large one in the end.
  std::sort(workerIds.begin(), workerIds.end(),
            [&](OwnerId a, OwnerId b) { return owners[a].keys > owners[b].keys; });
  StartMeter meter(options, "reading the contents", "keys", keysTotal);
  RecoveryQueue queue(workerIds.size());
  std::atomic<size_t> nextWorker{0};
  const auto read = [&] {
    for (size_t i = nextWorker++; i < workerIds.size(); i = nextWorker++) {
      const RecoveredOwner& owner = owners[workerIds[i]];
      ContentReader(database, owner, queue).run();
    }
  };
  const size_t processors = std::max(1u, std::thread::hardware_concurrency());
  const size_t wanted = options.recoveryThreads != 0 ? options.recoveryThreads : processors;
  std::vector<std::thread> readers;
  for (size_t i = 0; i < std::min(wanted, workerIds.size()); ++i) readers.emplace_back(read);
  while (auto part = queue.pop([&] { meter.add(0); })) {
    feed(sink, *part, owners[part->owner], meter);
    queue.giveBack(std::move(part));
  }
  for (std::thread& reader : readers) reader.join();
  for (const RecoveredOwner& owner : owners) {
    const auto number = parseFamilyName(database.name(owner.family));
    if (number && owner.record.kind != OwnerKind::kAbandoned) {
      outcome.marks[*number] = {owner.record, owner.ends};
    }
  }
  return outcome;
}

}  // namespace holdfast
