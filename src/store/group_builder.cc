#include "store/group_builder.h"

#include <utility>
#include <variant>

#include "format/event_records.h"

namespace holdfast {
namespace {

// Everything in a family: all keys begin with a letter.
const rocksdb::Slice kFamilyBegin("A");
const rocksdb::Slice kFamilyEnd("[");

// Between records of the time: what a crash of the machine may lose of it.
constexpr std::chrono::seconds kTimeInterval{10};

constexpr const char* kFoldDropped = "what was to be folded has been dropped";

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

JournalKey journalKeyOf(const QueuedWrite& report) {
  return {report.location, report.generation, report.stream, report.firstSeq};
}

BatchKey batchKeyOf(const QueuedWrite& batch) {
  return {batch.location, batch.generation, batch.number};
}

}  // namespace

GroupBuilder::GroupBuilder(const StoreOptions& options, Database& database, const StoreClock& clock,
                           std::function<bool()> addFamilies)
    : options_(options), database_(database), clock_(clock), addFamilies_(std::move(addFamilies)) {}

void GroupBuilder::own(OwnerId id, FamilyIndex family, const OwnerRecord& record,
                       const NewestRecords& newest) {
  Owner& of = owners_.at(id);
  of.family = family;
  of.record = record;
  of.newest = newest;
}

bool GroupBuilder::build(WriteGroup& group) {
  stampBatch(group.batch, database_.format().clusterId);
  ++groups_;
  if (group.block) {
    const QueueBlock& block = *group.block;
    for (const QueuedWrite& write : block.writes) {
      switch (write.kind) {
        case QueuedWrite::Kind::kReport:
          group.put(handle(write.owner), journalKey(journalKeyOf(write)).view(),
                    block.value(write));
          markReport(group, owners_.bound(write.owner), write);
          break;
        case QueuedWrite::Kind::kSyncBatch:
          group.put(handle(write.owner), batchKey(batchKeyOf(write)).view(), block.value(write));
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
    if (block.place) {
      group.put(database_.defaultFamily(), kLogPlaceKey, encodeRecord(*block.place));
    }
  }
  // After the drops of the block, so that what was cancelled is not written.
  for (FoldWrite& write : group.foldWrites) build(group, write);
  noteTime(group);
  group.synced =
      options_.walSync == WalSync::kAlways || (group.synced && options_.walSync != WalSync::kNever);
  return true;
}

void GroupBuilder::committed(const WriteGroup& group) {
  if (group.block) {
    for (const QueuedWrite& write : group.block->writes) {
      switch (write.kind) {
        case QueuedWrite::Kind::kReport:
          owners_.at(write.owner).newest.remember(journalKeyOf(write));
          break;
        case QueuedWrite::Kind::kSyncBatch:
          owners_.at(write.owner).newest.remember(batchKeyOf(write));
          break;
        case QueuedWrite::Kind::kBatch:
          for (const StoreStep& step : group.block->batches[write.at].steps) forgetNewest(step);
          break;
        case QueuedWrite::Kind::kFold:
        case QueuedWrite::Kind::kCheckpoint:
          break;
      }
    }
  }
  for (const FoldWrite& write : group.foldWrites) {
    if (write.last) std::erase(activeFolds_, write.job);
  }
}

rocksdb::ColumnFamilyHandle* GroupBuilder::handle(OwnerId id) {
  return database_.handle(owners_.bound(id).family);
}

// The number in the name of its family.
uint32_t GroupBuilder::number(OwnerId id) {
  return parseFamilyName(database_.name(owners_.bound(id).family)).value();
}

void GroupBuilder::noteTime(WriteGroup& group) {
  const auto now = std::chrono::steady_clock::now();
  if (timeNoted_ && now < *timeNoted_ + kTimeInterval) return;
  timeNoted_ = now;
  group.put(database_.defaultFamily(), kTimeKey, encodeRecord(clock_.record()));
}

bool GroupBuilder::bind(WriteGroup& group, OwnerId id, OwnerRecord record) {
  if (owners_.at(id).family != kNoFamily) return true;
  while (database_.familiesFree() == 0) {
    if (!addFamilies_()) return false;
  }
  Owner& of = owners_.at(id);
  of.family = database_.take();
  of.record = std::move(record);
  group.put(database_.defaultFamily(), ownerKey(database_.name(of.family)),
            encodeRecord(of.record));
  group.marks.push_back({MarkChange::Kind::kOwned, number(id), {}, of.record});
  return true;
}

bool GroupBuilder::build(WriteGroup& group, const StoreBatch& batch) {
  group.synced |= batch.synced;
  for (const StoreStep& step : batch.steps) {
    if (const auto* put = std::get_if<PutInstance>(&step)) {
      if (!bind(group, put->owner, {put->record.instance, OwnerKind::kInstance, 0})) return false;
    } else if (const auto* worker = std::get_if<PutWorker>(&step)) {
      const WorkerRecord& record = worker->record;
      if (!bind(group, worker->owner, {record.instance, OwnerKind::kWorker, record.worker})) {
        return false;
      }
    }
    forgetNewest(step);
    std::visit([&](const auto& s) { add(group, s); }, step);
  }
  return true;
}

void GroupBuilder::add(WriteGroup& group, const PutInstance& step) {
  group.put(handle(step.owner), instanceKey().view(), encodeRecord(step.record));
}

void GroupBuilder::add(WriteGroup& group, const PutWorker& step) {
  group.put(handle(step.owner), workerKey().view(), encodeRecord(step.record));
}

void GroupBuilder::add(WriteGroup& group, const PutLocation& step) {
  const LocationRecord& record = step.record;
  group.put(handle(step.owner), locationKey(record.id).view(), encodeRecord(record));
  const uint32_t family = number(step.owner);
  const LivePart& live = record.live;
  group.mark(MarkChange::Kind::kReached, family,
             {record.id, live.generation, live.stream, live.baseSeq});
  if (!record.building) return;
  group.mark(MarkChange::Kind::kReached, family,
             {record.id, record.building->generation, 0, record.building->baseSeq});
}

void GroupBuilder::add(WriteGroup& group, const DropGeneration& step) {
  cancelFolds([&](const FoldRequest& fold) {
    return fold.owner == step.owner && fold.location == step.location &&
           fold.live.generation == step.generation;
  });
  rocksdb::ColumnFamilyHandle* family = handle(step.owner);
  group.erasePrefix(family, segmentsPrefix(step.location, step.generation));
  group.erasePrefix(family, journalPrefix(step.location, step.generation));
  group.erasePrefix(family, batchesPrefix(step.location, step.generation));
  group.mark(MarkChange::Kind::kDropGeneration, number(step.owner),
             {step.location, step.generation, 0, 0});
}

void GroupBuilder::add(WriteGroup& group, const DropLocation& step) {
  cancelFolds([&](const FoldRequest& fold) {
    return fold.owner == step.owner && fold.location == step.location;
  });
  rocksdb::ColumnFamilyHandle* family = handle(step.owner);
  group.erase(family, locationKey(step.location).view());
  group.erasePrefix(family, segmentsPrefix(step.location));
  group.erasePrefix(family, journalPrefix(step.location));
  group.erasePrefix(family, batchesPrefix(step.location));
  group.erasePrefix(family, pinsPrefix(step.location));
  group.mark(MarkChange::Kind::kDropLocation, number(step.owner), {step.location, 0, 0, 0});
}

void GroupBuilder::add(WriteGroup& group, const DropFold& step) {
  cancelFolds([&](const FoldRequest& fold) {
    return fold.owner == step.owner && fold.location == step.location &&
           fold.live.generation == step.generation &&
           (fold.newFold == step.fold || fold.live.fold == step.fold);
  });
  group.erasePrefix(handle(step.owner),
                    step.fold == 0 ? batchesPrefix(step.location, step.generation)
                                   : segmentsPrefix(step.location, step.generation, step.fold));
}

void GroupBuilder::add(WriteGroup& group, const DropJournal& step) {
  const StoreKey begin = journalPrefix(step.location, step.generation);
  const StoreKey last = journalKey({step.location, step.generation, step.stream, step.throughSeq});
  group.eraseRange(handle(step.owner), slice(begin), slice(last.end()));
}

void GroupBuilder::add(WriteGroup& group, const PutPins& step) {
  rocksdb::ColumnFamilyHandle* family = handle(step.owner);
  const std::string value = encodeRecord(step.record);
  for (const ChunkHash chunk : step.chunks) {
    group.put(family, pinKey({step.location, chunk}).view(), value);
  }
}

void GroupBuilder::add(WriteGroup& group, const DropPins& step) {
  rocksdb::ColumnFamilyHandle* family = handle(step.owner);
  for (const ChunkHash chunk : step.chunks) {
    group.erase(family, pinKey({step.location, chunk}).view());
  }
}

void GroupBuilder::add(WriteGroup& group, const DropAllPins& step) {
  group.erasePrefix(handle(step.owner), pinsPrefix(step.location));
}

void GroupBuilder::add(WriteGroup& group, const Release& step) {
  Owner& of = owners_.at(step.owner);
  if (of.family == kNoFamily) return;
  cancelFolds([&](const FoldRequest& fold) { return fold.owner == step.owner; });
  group.mark(MarkChange::Kind::kReleased, number(step.owner), {});
  const std::string key = ownerKey(database_.name(of.family));
  if (database_.quarantined(of.family)) {
    // A damaged family is not used again: the next open drops it.
    of.record.kind = OwnerKind::kAbandoned;
    group.put(database_.defaultFamily(), key, encodeRecord(of.record));
  } else {
    group.eraseRange(database_.handle(of.family), kFamilyBegin, kFamilyEnd);
    group.erase(database_.defaultFamily(), key);
    database_.giveBack(of.family);
  }
  of = Owner();
}

void GroupBuilder::add(WriteGroup& group, const PutEvent& step) {
  group.put(database_.eventsFamily(), eventKey(step.record.id), encodeRecord(step.record));
}

void GroupBuilder::add(WriteGroup& group, const DropEvent& step) {
  group.erase(database_.eventsFamily(), eventKey(step.id));
}

// Most reports of a group follow one of the same location, whose mark they move on.
void GroupBuilder::markReport(WriteGroup& group, Owner& of, const QueuedWrite& report) {
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
  group.mark(MarkChange::Kind::kReached, number(report.owner), at);
}

void GroupBuilder::forgetNewest(const StoreStep& step) {
  if (const OwnerId id = ownerOf(step); id != kNoOwner) owners_.at(id).newest.forget(step);
}

template <typename Matches>
void GroupBuilder::cancelFolds(const Matches& matches) {
  for (const auto& job : activeFolds_) {
    if (matches(job->request)) job->cancel();
  }
}

void GroupBuilder::startFold(WriteGroup& group, const FoldRequest& request) {
  const Owner& of = owners_.at(request.owner);
  if (of.family == kNoFamily) {
    FoldResult result;
    result.id = request.id;
    result.error = kFoldDropped;
    group.foldResults.push_back(std::move(result));
    return;
  }
  // Started when the group is committed, but cancelled from now on by the drops behind it.
  auto job = std::make_shared<FoldJob>(request, of.family);
  activeFolds_.push_back(job);
  group.newFolds.push_back(std::move(job));
}

void GroupBuilder::build(WriteGroup& group, FoldWrite& write) {
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
    write.result.error = kFoldDropped;
  }
}

}  // namespace holdfast
