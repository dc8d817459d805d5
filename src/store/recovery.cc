#include "store/recovery.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <thread>
#include <tuple>
#include <utility>

#include "core/check.h"
#include "store/record_codec.h"
#include "store/recovery_queue.h"

namespace holdfast {
namespace {

constexpr size_t kReadaheadBytes = size_t{2} << 20;
constexpr std::chrono::seconds kProgressInterval{1};

rocksdb::Slice slice(const StoreKey& key) {
  return {key.view().data(), key.view().size()};
}

std::unique_ptr<rocksdb::Iterator> iterate(Database& database, FamilyIndex family,
                                           size_t readahead) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = readahead;
  return std::unique_ptr<rocksdb::Iterator>(
      database.db()->NewIterator(options, database.handle(family)));
}

// What a family says of itself: its record, its locations, where their journals end.
class HeadReader {
 public:
  HeadReader(Database& database, RecoveredOwner& owner, rocksdb::WriteBatch& leftovers)
      : database_(database),
        owner_(owner),
        leftovers_(leftovers),
        rows_(iterate(database, owner.family, 0)) {}

  std::optional<InstanceRecord> instance() {
    const auto record = decodeInstance(value(instanceKey()));
    return record && record->instance == owner_.record.instance ? record : damage<InstanceRecord>();
  }

  std::optional<WorkerRecord> worker() {
    auto record = decodeWorker(value(workerKey()));
    if (!record || record->instance != owner_.record.instance ||
        record->worker != owner_.record.worker || !locations()) {
      return damage<WorkerRecord>();
    }
    return record;
  }

 private:
  template <typename Record>
  std::optional<Record> damage() {
    owner_.damage = rows_->status().ok() ? "a record of it is missing or does not decode"
                                         : rows_->status().ToString();
    return std::nullopt;
  }

  std::string_view value(const StoreKey& key) {
    rows_->Seek(slice(key));
    if (!rows_->Valid() || rows_->key() != slice(key)) return {};
    return rows_->value().ToStringView();
  }

  bool locations() {
    const StoreKey prefix = locationsPrefix();
    for (rows_->Seek(slice(prefix)); rows_->Valid() && rows_->key().starts_with(slice(prefix));
         rows_->Next()) {
      const auto id = parseLocationKey(rows_->key().ToStringView());
      auto record = decodeLocation(rows_->value().ToStringView());
      if (!id || !record || record->id != *id) return false;
      owner_.locations.push_back(std::move(*record));
    }
    for (const LocationRecord& location : owner_.locations) {
      if (!rows_->status().ok() || !journalEnd(location)) return false;
    }
    if (rows_->status().ok()) findLeftovers();
    return rows_->status().ok();
  }

  bool journalEnd(const LocationRecord& location) {
    const StoreKey prefix = journalPrefix(location.id, location.live.generation);
    rows_->SeekForPrev(slice(prefix.end()));
    owner_.keys += location.live.baseCount;
    if (!rows_->Valid() || !rows_->key().starts_with(slice(prefix))) {
      owner_.chunks += location.live.baseCount;
      return true;
    }
    const auto key = parseJournalKey(rows_->key().ToStringView());
    std::vector<uint64_t> scratch;
    const auto words = alignedWords(rows_->value().ToStringView(), scratch);
    const auto entry = words ? decodeJournal(*words) : std::nullopt;
    if (!key || !entry) return false;
    owner_.newest.push_back(*key);
    owner_.chunks += entry->countAfter;
    if (key->stream == location.live.stream && key->firstSeq > location.live.baseSeq) {
      owner_.keys += key->firstSeq + entry->operations.size() - 1 - location.live.baseSeq;
    }
    return true;
  }

  // Walks segments and journals from range to range. Live are the segments of the live fold and
  // the journal of the live generation; everything else is deleted.
  void findLeftovers() {
    std::map<uint16_t, LivePart> live;
    for (const LocationRecord& location : owner_.locations) live[location.id] = location.live;
    StoreKey at = StoreKey().tag('J');
    for (;;) {
      rows_->Seek(slice(at));
      const auto key = rows_->Valid() ? parseJournalKey(rows_->key().ToStringView()) : std::nullopt;
      if (!key) break;
      const StoreKey range = journalPrefix(key->location, key->generation);
      const auto found = live.find(key->location);
      if (found == live.end() || found->second.generation != key->generation) erase(range);
      at = range.end();
    }
    at = StoreKey().tag('S');
    for (;;) {
      rows_->Seek(slice(at));
      const auto key = rows_->Valid() ? parseSegmentKey(rows_->key().ToStringView()) : std::nullopt;
      if (!key) break;
      const StoreKey range = segmentsPrefix(key->location, key->generation, key->fold);
      const auto found = live.find(key->location);
      if (found == live.end() || found->second.generation != key->generation ||
          found->second.fold != key->fold) {
        erase(range);
      }
      at = range.end();
    }
  }

  void erase(const StoreKey& prefix) {
    const StoreKey end = prefix.end();
    const rocksdb::Status status =
        leftovers_.DeleteRange(database_.handle(owner_.family), slice(prefix), slice(end));
    HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  }

  Database& database_;
  RecoveredOwner& owner_;
  rocksdb::WriteBatch& leftovers_;
  std::unique_ptr<rocksdb::Iterator> rows_;
};

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

// Reads the contents of one worker into the queue. Empty, or why it cannot be read.
std::string readContents(Database& database, const RecoveredOwner& owner, RecoveryQueue& queue,
                         std::unique_ptr<RecoveryPart>& part) {
  const auto rows = iterate(database, owner.family, kReadaheadBytes);
  const auto next = [&](size_t words) {
    if (part->fits(words)) return;
    queue.push(std::move(part));
    part = queue.blank(owner.id, words);
  };
  for (const LocationRecord& location : owner.locations) {
    const LivePart& live = location.live;
    const StoreKey segments = segmentsPrefix(location.id, live.generation, live.fold);
    std::optional<ChunkHash> before;
    uint32_t number = 0;
    for (rows->Seek(slice(segments));
         live.fold != 0 && rows->Valid() && rows->key().starts_with(slice(segments));
         rows->Next()) {
      const std::string_view value = rows->value().ToStringView();
      next(value.size() / sizeof(uint64_t) + 1);
      const auto key = parseSegmentKey(rows->key().ToStringView());
      const auto words = part->copy(value);
      const auto segment = words ? decodeSegment(*words) : std::nullopt;
      if (!key || key->n != number++ || !segment || (before && *before >= segment->keys.front())) {
        return "segment " + std::to_string(number) + " of location " + location.name +
               " is damaged";
      }
      before = segment->keys.back();
      part->rows.push_back({location.id, true, {0, 0, {segment->keys, {}}, 0, {}}});
    }
    if (!rows->status().ok()) return rows->status().ToString();
    const StoreKey journal = journalPrefix(location.id, live.generation);
    for (rows->Seek(slice(journal)); rows->Valid() && rows->key().starts_with(slice(journal));
         rows->Next()) {
      const auto key = parseJournalKey(rows->key().ToStringView());
      // In the segments already.
      if (key && key->stream == live.stream && key->firstSeq <= live.baseSeq) continue;
      const std::string_view value = rows->value().ToStringView();
      next(value.size() / sizeof(uint64_t) + 1);
      const auto words = part->copy(value);
      auto entry = words ? decodeJournal(*words) : std::nullopt;
      if (!key || !entry) return "a journal record of location " + location.name + " is damaged";
      entry->stream = key->stream;
      entry->firstSeq = key->firstSeq;
      part->rows.push_back({location.id, false, *entry});
    }
    if (!rows->status().ok()) return rows->status().ToString();
  }
  return "";
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
    if (row.segment) {
      sink.segment(part.owner, row.location, row.entry.operations.keys);
    } else {
      sink.journal(part.owner, row.location, row.entry);
    }
    progress.read(row.entry.operations.size());
  }
  if (!part.last) return;
  if (part.damage.empty()) {
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
      std::unique_ptr<RecoveryPart> part = queue.blank(owner.id, 0);
      part->damage = readContents(database, owner, queue, part);
      part->last = true;
      queue.push(std::move(part));
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
