#include "store/store_thread.h"

#include <algorithm>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "core/check.h"
#include "format/event_records.h"
#include "format/slices.h"
#include "os/give_way.h"

namespace holdfast {
namespace {

// After a group the thread waits this long for more before it sleeps: writes come in bursts, and
// waking it costs the registry's thread more than appending does.
constexpr std::chrono::microseconds kLinger{100};
constexpr std::chrono::milliseconds kSleepMax{1000};
constexpr uint32_t kBackoffDoublings = 3;
constexpr uint32_t kFamiliesFewMin = 4;
constexpr uint32_t kFamiliesFewShare = 8;  // few: less than one of so many
constexpr std::chrono::seconds kFamiliesRetry{1};

// Everything in a family: all keys begin with a letter.
const rocksdb::Slice kFamilyBegin("A");
const rocksdb::Slice kFamilyEnd("[");

// kNoOwner: an event.
OwnerId ownerOf(const StoreStep& step) {
  return std::visit(
      [](const auto& s) {
        if constexpr (requires { s.owner; }) {
          return s.owner;
        } else {
          return kNoOwner;
        }
      },
      step);
}

// Between records of the time: what a crash of the machine may lose of it.
constexpr std::chrono::seconds kTimeInterval{10};

JournalKey journalKeyOf(const QueuedWrite& report) {
  return {report.location, report.generation, report.stream, report.firstSeq};
}

BatchKey batchKeyOf(const QueuedWrite& batch) {
  return {batch.location, batch.generation, batch.number};
}

}  // namespace

struct StoreThread::Group {
  rocksdb::WriteBatch batch;
  std::unique_ptr<QueueBlock> block;  // may be null
  std::deque<FoldWrite> foldWrites;
  std::vector<std::shared_ptr<FoldJob>> newFolds;
  std::vector<FoldResult> foldResults;
  std::vector<MarkChange> marks;
  Ticket upTo = 0;
  bool synced = false;

  void mark(MarkChange::Kind kind, uint32_t family, const LocationMark& at) {
    marks.push_back({kind, family, at, {}});
  }
  void put(rocksdb::ColumnFamilyHandle* family, std::string_view key, std::string_view value) {
    check(batch.Put(family, slice(key), slice(value)));
  }
  void erase(rocksdb::ColumnFamilyHandle* family, std::string_view key) {
    check(batch.Delete(family, slice(key)));
  }
  void eraseRange(rocksdb::ColumnFamilyHandle* family, const StoreKey& begin, const StoreKey& end) {
    check(batch.DeleteRange(family, slice(begin.view()), slice(end.view())));
  }
  void erasePrefix(rocksdb::ColumnFamilyHandle* family, const StoreKey& prefix) {
    eraseRange(family, prefix, prefix.end());
  }
  static void check(const rocksdb::Status& status) {
    HOLDFAST_CHECK(status.ok(), "%s", status.ToString().c_str());
  }
};

StoreThread::StoreThread(const StoreOptions& options, Database& database, WriteQueue& queue,
                         Completions& completions, FoldThread& folds, CheckpointThread& checkpoints,
                         const StoreClock& clock)
    : options_(options),
      database_(database),
      queue_(queue),
      completions_(completions),
      folds_(folds),
      checkpoints_(checkpoints),
      clock_(clock) {}

StoreThread::~StoreThread() {
  stop();
}

StoreThread::Owner& StoreThread::owner(OwnerId id) {
  HOLDFAST_CHECK(id != kNoOwner, "a write of no owner");
  if (id >= owners_.size()) owners_.resize(id + 1);
  return owners_[id];
}

StoreThread::Owner& StoreThread::bound(OwnerId id) {
  Owner& found = owner(id);
  HOLDFAST_CHECK(found.family != kNoFamily, "owner %u has no family", id);
  return found;
}

void StoreThread::own(OwnerId id, FamilyIndex family, const OwnerRecord& record,
                      const NewestRecords& newest) {
  Owner& of = owner(id);
  of.family = family;
  of.record = record;
  of.newest = newest;
}

void StoreThread::start() {
  committedSequence_ = database_.db()->GetLatestSequenceNumber();
  familiesUsed_ = static_cast<uint32_t>(database_.familiesUsed());
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  thread_ = std::thread([this] { run(); });
}

std::string StoreThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) deadline_ = std::chrono::steady_clock::now() + options_.closeTimeMax;
    stopping_ = true;
    stopWanted_.notify_all();
  }
  queue_.wake();
  if (thread_.joinable()) thread_.join();
  return lost_;
}

void StoreThread::write(FoldWrite write) {
  {
    const std::lock_guard lock(mutex_);
    foldWrites_.push_back(std::move(write));
  }
  queue_.wake();
}

void StoreThread::syncFailed(const rocksdb::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    syncFailure_ = status;
  }
  queue_.wake();
}

void StoreThread::log(LogLevel level, const std::string& message) const {
  if (options_.log) options_.log(level, message);
}

void StoreThread::run() {
  giveWay(kNiceOfWrites);
  if (database_.readOnly() && !heal(rocksdb::Status::NoSpace("the store was opened read-only"))) {
    if (queue_.bytes() == 0) lost_.clear();
    return;
  }
  if (!commitLeftovers()) return;
  bool lingered = false;
  for (;;) {
    std::this_thread::sleep_until(nextWrite_);
    Group group;
    bool stopping = false;
    rocksdb::Status syncFailure;
    {
      const std::lock_guard lock(mutex_);
      stopping = stopping_;
      group.foldWrites = std::exchange(foldWrites_, {});
      syncFailure = std::exchange(syncFailure_, rocksdb::Status());
    }
    group.block = queue_.take();
    if (!syncFailure.ok()) {
      if (!heal(syncFailure)) break;
    }
    if (!group.block && group.foldWrites.empty()) {
      if (stopping) break;
      if (!keepFamiliesFree()) break;
      if (lingered) {
        queue_.wait(kSleepMax);
      } else {
        std::this_thread::sleep_for(kLinger);
      }
      lingered = !lingered;
      continue;
    }
    lingered = false;
    stampBatch(group.batch, database_.format().clusterId);
    ++groups_;
    if (!build(group)) break;
    if (group.synced) nextWrite_ = std::chrono::steady_clock::now() + options_.syncedWriteInterval;
    if (!commit(group.batch, group.synced, group.marks)) break;
    finish(group);
  }
  const size_t left = queue_.bytes();
  if (left > 0 && lost_.empty()) lost_ = std::to_string(left) + " bytes of writes were not written";
}

bool StoreThread::commitLeftovers() {
  if (leftovers_.Count() == 0) return true;
  const bool done = commit(leftovers_, false);
  leftovers_.Clear();
  return done;
}

bool StoreThread::build(Group& group) {
  if (group.block) {
    const QueueBlock& block = *group.block;
    for (const QueuedWrite& write : block.writes) {
      switch (write.kind) {
        case QueuedWrite::Kind::kReport:
          group.put(database_.handle(bound(write.owner).family),
                    journalKey(journalKeyOf(write)).view(), block.value(write));
          markReport(group, bound(write.owner), write);
          break;
        case QueuedWrite::Kind::kSyncBatch:
          group.put(database_.handle(bound(write.owner).family), batchKey(batchKeyOf(write)).view(),
                    block.value(write));
          break;
        case QueuedWrite::Kind::kBatch:
          if (!build(group, block.batches[write.at])) return false;
          break;
        case QueuedWrite::Kind::kFold:
          startFold(group, block.folds[write.at]);
          break;
        case QueuedWrite::Kind::kCheckpoint:
          break;  // when the group is committed
      }
      if (write.ticket != 0) group.upTo = write.ticket;
    }
  }
  // After the drops of the block, so that what was cancelled is not written.
  for (FoldWrite& write : group.foldWrites) build(group, write);
  noteTime(group);
  group.synced =
      options_.walSync == WalSync::kAlways || (group.synced && options_.walSync != WalSync::kNever);
  return true;
}

void StoreThread::noteTime(Group& group) {
  const auto now = std::chrono::steady_clock::now();
  if (timeNoted_ && now < *timeNoted_ + kTimeInterval) return;
  timeNoted_ = now;
  group.put(database_.defaultFamily(), kTimeKey, encodeRecord(clock_.record()));
}

bool StoreThread::bind(Group& group, OwnerId id, OwnerRecord record) {
  if (owner(id).family != kNoFamily) return true;
  while (database_.familiesFree() == 0) {
    if (!addFamilies()) return false;
  }
  Owner& of = owner(id);
  of.family = database_.take();
  of.record = std::move(record);
  group.put(database_.defaultFamily(), ownerKey(database_.name(of.family)),
            encodeRecord(of.record));
  group.marks.push_back({MarkChange::Kind::kOwned, number(of), {}, of.record});
  return true;
}

bool StoreThread::build(Group& group, const StoreBatch& batch) {
  group.synced |= batch.synced;
  for (const StoreStep& step : batch.steps) {
    const OwnerId id = ownerOf(step);
    if (const auto* put = std::get_if<PutInstance>(&step)) {
      if (!bind(group, id, {put->record.instance, OwnerKind::kInstance, 0})) return false;
    } else if (const auto* worker = std::get_if<PutWorker>(&step)) {
      const WorkerRecord& record = worker->record;
      if (!bind(group, id, {record.instance, OwnerKind::kWorker, record.worker})) return false;
    }
    forgetNewest(step);
    std::visit(
        [&](const auto& s) {
          using Step = std::decay_t<decltype(s)>;
          if constexpr (std::is_same_v<Step, PutEvent>) {
            group.put(database_.eventsFamily(), eventKey(s.record.id), encodeRecord(s.record));
          } else if constexpr (std::is_same_v<Step, DropEvent>) {
            group.erase(database_.eventsFamily(), eventKey(s.id));
          } else if constexpr (std::is_same_v<Step, Release>) {
            release(group, owner(id));
          } else {
            rocksdb::ColumnFamilyHandle* family = database_.handle(bound(id).family);
            if constexpr (std::is_same_v<Step, PutInstance>) {
              group.put(family, instanceKey().view(), encodeRecord(s.record));
            } else if constexpr (std::is_same_v<Step, PutWorker>) {
              group.put(family, workerKey().view(), encodeRecord(s.record));
            } else if constexpr (std::is_same_v<Step, PutLocation>) {
              group.put(family, locationKey(s.record.id).view(), encodeRecord(s.record));
              markLocation(group, number(bound(id)), s.record);
            } else if constexpr (std::is_same_v<Step, DropGeneration>) {
              cancelFolds([&](const FoldRequest& fold) {
                return fold.owner == id && fold.location == s.location &&
                       fold.live.generation == s.generation;
              });
              group.erasePrefix(family, segmentsPrefix(s.location, s.generation));
              group.erasePrefix(family, journalPrefix(s.location, s.generation));
              group.erasePrefix(family, batchesPrefix(s.location, s.generation));
              group.mark(MarkChange::Kind::kDropGeneration, number(bound(id)),
                         {s.location, s.generation, 0, 0});
            } else if constexpr (std::is_same_v<Step, DropLocation>) {
              cancelFolds([&](const FoldRequest& fold) {
                return fold.owner == id && fold.location == s.location;
              });
              group.erase(family, locationKey(s.location).view());
              group.erasePrefix(family, segmentsPrefix(s.location));
              group.erasePrefix(family, journalPrefix(s.location));
              group.erasePrefix(family, batchesPrefix(s.location));
              group.erasePrefix(family, pinsPrefix(s.location));
              group.mark(MarkChange::Kind::kDropLocation, number(bound(id)), {s.location, 0, 0, 0});
            } else if constexpr (std::is_same_v<Step, DropFold>) {
              cancelFolds([&](const FoldRequest& fold) {
                return fold.owner == id && fold.location == s.location &&
                       fold.live.generation == s.generation &&
                       (fold.newFold == s.fold || fold.live.fold == s.fold);
              });
              group.erasePrefix(family, s.fold == 0
                                            ? batchesPrefix(s.location, s.generation)
                                            : segmentsPrefix(s.location, s.generation, s.fold));
            } else if constexpr (std::is_same_v<Step, DropJournal>) {
              const StoreKey begin = journalPrefix(s.location, s.generation);
              JournalKey last{s.location, s.generation, s.stream, s.throughSeq};
              group.eraseRange(family, begin, journalKey(last).end());
            } else if constexpr (std::is_same_v<Step, PutPins>) {
              const std::string value = encodeRecord(s.record);
              for (const ChunkHash chunk : s.chunks) {
                group.put(family, pinKey({s.location, chunk}).view(), value);
              }
            } else if constexpr (std::is_same_v<Step, DropPins>) {
              for (const ChunkHash chunk : s.chunks) {
                group.erase(family, pinKey({s.location, chunk}).view());
              }
            } else if constexpr (std::is_same_v<Step, DropAllPins>) {
              group.erasePrefix(family, pinsPrefix(s.location));
            }
          }
        },
        step);
  }
  return true;
}

void StoreThread::release(Group& group, Owner& of) {
  if (of.family == kNoFamily) return;
  cancelFolds([&](const FoldRequest& fold) { return &owner(fold.owner) == &of; });
  group.mark(MarkChange::Kind::kReleased, number(of), {});
  const std::string key = ownerKey(database_.name(of.family));
  if (database_.quarantined(of.family)) {
    // A damaged family is not used again: the next open drops it.
    of.record.kind = OwnerKind::kAbandoned;
    group.put(database_.defaultFamily(), key, encodeRecord(of.record));
  } else {
    group.Group::check(
        group.batch.DeleteRange(database_.handle(of.family), kFamilyBegin, kFamilyEnd));
    group.erase(database_.defaultFamily(), key);
    database_.giveBack(of.family);
  }
  of = Owner();
}

// The number in the name of its family.
uint32_t StoreThread::number(const Owner& of) const {
  return parseFamilyName(database_.name(of.family)).value();
}

// Most reports of a group follow one of the same location, whose mark they move on.
void StoreThread::markReport(Group& group, Owner& of, const QueuedWrite& report) {
  const LocationMark at{report.location, report.generation, report.stream,
                        report.firstSeq + report.operations - 1, 0};
  if (of.markedIn == groups_) {
    LocationMark& last = group.marks[of.mark].at;
    if (last.location == at.location && last.generation == at.generation &&
        last.stream == at.stream) {
      last.seq = at.seq;
      return;
    }
  }
  of.markedIn = groups_;
  of.mark = group.marks.size();
  group.mark(MarkChange::Kind::kReached, number(of), at);
}

void StoreThread::markLocation(Group& group, uint32_t family, const LocationRecord& record) {
  const LivePart& live = record.live;
  group.mark(MarkChange::Kind::kReached, family,
             {record.id, live.generation, live.stream, live.baseSeq});
  if (!record.building) return;
  group.mark(MarkChange::Kind::kReached, family,
             {record.id, record.building->generation, 0, record.building->baseSeq});
}

void StoreThread::forgetNewest(const StoreStep& step) {
  if (const OwnerId id = ownerOf(step); id != kNoOwner) owner(id).newest.forget(step);
}

void StoreThread::rememberNewest(const QueuedWrite& write) {
  NewestRecords& newest = owner(write.owner).newest;
  if (write.kind == QueuedWrite::Kind::kReport) {
    newest.remember(journalKeyOf(write));
  } else {
    newest.remember(batchKeyOf(write));
  }
}

template <typename Matches>
void StoreThread::cancelFolds(const Matches& matches) {
  for (const auto& job : activeFolds_) {
    if (matches(job->request)) job->cancel();
  }
}

void StoreThread::startFold(Group& group, const FoldRequest& request) {
  const Owner& of = owner(request.owner);
  if (of.family == kNoFamily) {
    FoldResult result;
    result.id = request.id;
    result.error = "what was to be folded has been dropped";
    group.foldResults.push_back(std::move(result));
    return;
  }
  // Started when the group is committed, but cancelled from now on by the drops behind it.
  auto job = std::make_shared<FoldJob>(request, of.family);
  activeFolds_.push_back(job);
  group.newFolds.push_back(std::move(job));
}

void StoreThread::build(Group& group, FoldWrite& write) {
  const FoldRequest& request = write.job->request;
  if (!write.job->cancelled()) {
    rocksdb::ColumnFamilyHandle* family = database_.handle(write.job->family);
    if (write.clear) {
      group.erasePrefix(family,
                        segmentsPrefix(request.location, request.live.generation, request.newFold));
    }
    for (const auto& [key, value] : write.puts) group.put(family, key.view(), value);
  } else if (write.last && write.result.ok) {
    // The drop that cancelled it has deleted its segments, too.
    write.result = {};
    write.result.id = request.id;
    write.result.error = "what was to be folded has been dropped";
  }
}

bool StoreThread::commit(rocksdb::WriteBatch& batch, bool synced,
                         const std::vector<MarkChange>& changes) {
  rocksdb::WriteOptions options;
  options.sync = synced;
  for (;;) {
    const rocksdb::Status status = database_.db()->Write(options, &batch);
    if (status.ok()) break;
    if (!standStill(status)) return false;
  }
  committedSequence_ = database_.db()->GetLatestSequenceNumber();
  if (marker_ != nullptr) marker_->committed(committedSequence_, synced, changes);
  if (failures_ > 0) {
    failures_ = 0;
    log(LogLevel::kInfo, "the store in " + options_.dataDir + " accepts writes again");
    completions_.health({});
    completions_.post();
  }
  if (onCommit_) onCommit_(synced);
  return true;
}

void StoreThread::finish(Group& group) {
  familiesUsed_ = static_cast<uint32_t>(database_.familiesUsed());
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  if (group.block) {
    for (const QueuedWrite& write : group.block->writes) {
      if (write.kind == QueuedWrite::Kind::kBatch) {
        for (const StoreStep& step : group.block->batches[write.at].steps) forgetNewest(step);
      } else if (write.kind == QueuedWrite::Kind::kCheckpoint) {
        checkpoints_.take(group.block->checkpoint);
      } else if (write.kind != QueuedWrite::Kind::kFold) {
        rememberNewest(write);
      }
      queue_.committed(write);
    }
    queue_.giveBack(std::move(group.block));
  }
  if (group.upTo != 0) completions_.committed(group.upTo);
  for (FoldWrite& write : group.foldWrites) {
    if (write.last) {
      std::erase(activeFolds_, write.job);
      completions_.folded(std::move(write.result));
    }
    folds_.written();
  }
  for (FoldResult& result : group.foldResults) completions_.folded(std::move(result));
  completions_.post();
  for (auto& job : group.newFolds) folds_.submit(std::move(job));
}

bool StoreThread::addFamilies() {
  const size_t count = std::clamp<size_t>(database_.familiesUsed() + database_.familiesFree(),
                                          options_.familiesFree, kFamiliesGroupMax);
  const rocksdb::Status status = database_.addFamilies(std::max<size_t>(count, 1));
  familiesFree_ = static_cast<uint32_t>(database_.familiesFree());
  return status.ok() || heal(status);
}

// Creates families ahead of need. False when this thread is to end.
bool StoreThread::keepFamiliesFree() {
  const size_t all = database_.familiesUsed() + database_.familiesFree();
  const size_t few = std::min<size_t>(options_.familiesFree,
                                      std::max<size_t>(kFamiliesFewMin, all / kFamiliesFewShare));
  if (database_.familiesFree() >= few) return true;
  const auto now = std::chrono::steady_clock::now();
  if (now < nextFamilies_) return true;
  nextFamilies_ = now + kFamiliesRetry;
  return addFamilies();
}

bool StoreThread::pause(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  auto until = std::chrono::steady_clock::now() + time;
  stopWanted_.wait_until(lock, until, [this] { return stopping_; });
  if (!stopping_) return true;
  until = std::min(until, deadline_);
  stopWanted_.wait_until(lock, until, [] { return false; });
  return std::chrono::steady_clock::now() < deadline_;
}

bool StoreThread::standStill(rocksdb::Status status) {
  for (;;) {
    const bool full = status.IsNoSpace();
    const std::string reason =
        "cannot write to the store in " + options_.dataDir + ": " + status.ToString() +
        (full ? "; free space on that disk" : "; check the disk, its mount and its permissions") +
        ". Writes wait and go on by themselves";
    if (failures_ == 0) log(LogLevel::kError, reason);
    completions_.health({false, reason});
    completions_.post();
    // The first attempt is made at once: some errors are gone by then. The last one, too, when this
    // thread is to end.
    const uint32_t doublings = std::min(failures_, kBackoffDoublings + 1);
    const bool ending = failures_++ > 0 && !pause(options_.retryInterval * (1 << (doublings - 1)));
    if (ending && std::exchange(triedLast_, true)) {
      lost_ = reason;
      return false;
    }
    // First without giving up what is open: folds can still read it.
    rocksdb::Status healed = database_.probe();
    if (healed.ok()) healed = database_.reopen();
    if (healed.IsCorruption()) {
      fail("the store cannot be opened again: " + healed.ToString());
      return false;
    }
    if (!healed.ok()) {
      status = healed;
      continue;
    }
    if (const std::string gone = missing(); !gone.empty()) {
      fail("the store in " + options_.dataDir + " has lost committed writes: " + gone);
      return false;
    }
    // Opening has brought everything to table files, so a sync that failed meanwhile is made up.
    const std::lock_guard lock(mutex_);
    syncFailure_ = rocksdb::Status();
    return true;
  }
}

bool StoreThread::heal(const rocksdb::Status& status) {
  if (!standStill(status)) return false;
  rocksdb::WriteBatch nothing;
  return commit(nothing, options_.walSync != WalSync::kNever);
}

std::string StoreThread::missing() const {
  // One log, cut at one point: had anything committed been lost, this number would be lower,
  // unless later data had reached a table file before. The newest records tell that.
  const rocksdb::SequenceNumber latest = database_.db()->GetLatestSequenceNumber();
  if (latest < committedSequence_) {
    return "it ends at write " + std::to_string(latest) + " instead of " +
           std::to_string(committedSequence_);
  }
  for (const Owner& of : owners_) {
    const auto gone = [&](const StoreKey& key) {
      rocksdb::PinnableSlice value;
      // What is there and cannot be read is damage, which recovery deals with.
      return database_.db()
          ->Get(rocksdb::ReadOptions(), database_.handle(of.family), slice(key.view()), &value)
          .IsNotFound();
    };
    const std::string where =
        "instance " + of.record.instance + ", worker " + std::to_string(of.record.worker);
    for (const NewestRecords::Generation& newest : of.newest.generations()) {
      if (newest.journal && gone(journalKey(*newest.journal))) {
        return where + ", seq " + std::to_string(newest.journal->firstSeq) + " is not there";
      }
      if (newest.batch && gone(batchKey(*newest.batch))) {
        return where + ", batch " + std::to_string(newest.batch->number) +
               " of a full sync is not there";
      }
    }
  }
  return "";
}

void StoreThread::fail(const std::string& what) {
  lost_ = what;
  log(LogLevel::kError, what);
  completions_.health({false, what});
  completions_.post();
  HOLDFAST_CHECK(options_.fatal != nullptr, "%s", what.c_str());
  options_.fatal(what);
}

}  // namespace holdfast
