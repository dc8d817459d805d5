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
#include "store/content_reader.h"
#include "store/head_reader.h"
#include "store/record_codec.h"
#include "store/recovery_queue.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds kProgressInterval{1};

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

class Progress {
 public:
  Progress(const StoreOptions& options, uint64_t keysTotal)
      : options_(options),
        total_(keysTotal),
        began_(Clock::now()),
        next_(began_ + kProgressInterval) {}

  void read(uint64_t keys) {
    read_ += keys;
    const auto now = Clock::now();
    if (now < next_ || !options_.progress) return;
    next_ = now + kProgressInterval;
    const double seconds = std::chrono::duration<double>(now - began_).count();
    RecoveryProgress progress;
    progress.keysRead = read_;
    progress.keysTotal = std::max(total_, read_);
    progress.keysPerSecond = static_cast<double>(read_) / seconds;
    progress.secondsRemaining =
        progress.keysPerSecond > 0
            ? static_cast<double>(progress.keysTotal - read_) / progress.keysPerSecond
            : 0;
    options_.progress(progress);
  }

 private:
  using Clock = std::chrono::steady_clock;
  const StoreOptions& options_;
  const uint64_t total_;
  const Clock::time_point began_;
  Clock::time_point next_;
  uint64_t read_ = 0;
};

void feed(RecoverySink& sink, const RecoveryPart& part, RecoveredOwner& owner, Progress& progress) {
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
    progress.read(row.entry.operations.size());
  }
  if (!part.last) return;
  if (part.damage.empty()) {
    for (const RecoveredPins& pins : part.pins) {
      sink.pins(part.owner, pins.location, pins.record, pins.chunks);
    }
    sink.finish(part.owner);
  } else {
    owner.damage = part.damage;
    sink.damaged(part.owner, owner.record.instance, true, owner.record.worker, part.damage);
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
  for (OwnerId id = 0; id < owners.size(); ++id) {
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
    if (owner.damage.empty()) continue;
    sink.damaged(owner.id, owner.record.instance, owner.record.kind == OwnerKind::kWorker,
                 owner.record.worker, owner.damage);
  }

  // The largest first, so that no thread is left with a large one in the end.
  std::sort(workerIds.begin(), workerIds.end(),
            [&](OwnerId a, OwnerId b) { return owners[a].keys > owners[b].keys; });
  Progress progress(options, keysTotal);
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
  while (auto part = queue.pop()) {
    feed(sink, *part, owners[part->owner], progress);
    queue.giveBack(std::move(part));
  }
  for (std::thread& reader : readers) reader.join();
  return outcome;
}

}  // namespace holdfast
