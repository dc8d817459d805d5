#include "core/kv_controller.h"

#include <algorithm>
#include <string>

#include "core/check.h"
#include "core/ids.h"

namespace holdfast {
namespace {

// What a report takes in the store's queue: its keys, its bitmap and a record around them.
size_t queuedBytes(const Operations& operations) {
  return operations.size() * sizeof(ChunkHash) + operations.size() / 8 + 256;
}

std::optional<std::string> invalidReport(const Report& report) {
  const size_t size = report.operations.size();
  if (size == 0) return "a report has at least one operation";
  if (size > kOperationsPerReportMax) {
    return "a report has at most " + std::to_string(kOperationsPerReportMax) + " operations, not " +
           std::to_string(size);
  }
  if (report.firstSeq == 0) return "sequence numbers count from 1, not 0";
  if (report.firstSeq > UINT64_MAX - size) {
    return "sequence number " + std::to_string(report.firstSeq) + " leaves no room for " +
           std::to_string(size) + " operations";
  }
  return std::nullopt;
}

std::optional<std::string> invalidHashes(std::span<const ChunkHash> hashes) {
  if (hashes.size() <= kHashesPerLookupMax) return std::nullopt;
  return "a look-up has at most " + std::to_string(kHashesPerLookupMax) + " hashes, not " +
         std::to_string(hashes.size());
}

}  // namespace

KvController::KvController(RegistryTree& tree, ChunkIndex& index, RegistryStore& store,
                           Clock& clock, EventSink& events, uint64_t foldFloorOperations)
    : tree_(tree),
      index_(index),
      store_(store),
      clock_(clock),
      events_(events),
      foldFloor_(foldFloorOperations),
      matcher_(index, tree.directory()) {}

Result<ReportOutcome> KvController::handleBatchedKvOperations(SessionId session,
                                                              const Report& report) {
  if (auto bad = invalidReport(report)) return Error{ErrorCode::kInvalid, *bad};
  Counters& counters = tree_.counters();
  ++counters.reports;
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) {
    ++counters.reportsDropped;
    return ReportOutcome::kDropped;
  }
  worker->lastHeardMs = clock_.steadyMs();
  Location* location = worker->find(report.location);
  if (location == nullptr || location->record.live.incarnation != report.incarnation) {
    ++counters.reportsDropped;
    return ReportOutcome::kDropped;
  }
  if (worker->flow != Flow::kOpen || !store_.health().writable ||
      !store_.hasRoom(queuedBytes(report.operations))) {
    return refuse(*worker);
  }
  const uint64_t expected = location->lastSeq + 1;
  if (report.firstSeq > expected) return gap(*location, report.firstSeq);
  const uint64_t known = expected - report.firstSeq;
  if (known >= report.operations.size()) {
    ++counters.reportsRetransmitted;
    return ReportOutcome::kRetransmission;
  }
  apply(*location, report.operations.dropFirst(known));
  return ReportOutcome::kApplied;
}

ReportOutcome KvController::refuse(Worker& worker) {
  ++tree_.counters().reportsRefused;
  if (worker.flow == Flow::kOpen) {
    worker.flow = Flow::kPaused;
    const StoreHealth health = store_.health();
    worker.link->pause(health.writable ? "the store's queue is full" : health.reason);
  }
  return ReportOutcome::kRefused;
}

ReportOutcome KvController::gap(Location& location, uint64_t firstSeq) {
  ++tree_.counters().reportsGap;
  if (location.sync != SyncState::kDiverged) {
    location.sync = SyncState::kDiverged;
    location.reason = Reason::kLiveGap;
    ++tree_.counters().decisions[static_cast<size_t>(Reason::kLiveGap)];
    Worker& worker = *location.worker;
    events_.event(EventSink::Level::kWarning,
                  describe(worker) + " location '" + location.record.name + "': expected seq " +
                      std::to_string(location.lastSeq + 1) + ", got " + std::to_string(firstSeq) +
                      "; asked to register again");
    // A registration states how far back the worker can go, and its answer where to go on.
    worker.flow = Flow::kResuming;
    worker.link->resume();
  }
  return ReportOutcome::kGap;
}

void KvController::apply(Location& location, const Operations& operations) {
  Worker& worker = *location.worker;
  const ChunkIndex::Change change = index_.apply(location.holder, worker.modelSalt, operations);
  location.count += static_cast<uint64_t>(change.count);
  location.digest += change.digest;
  tree_.changeMemberships(change.count);
  tree_.counters().operations += operations.size();

  const LivePart& live = location.record.live;
  const uint64_t firstSeq = location.lastSeq + 1;
  const Ticket ticket =
      store_.append({worker.owner, location.record.id, live.generation, live.stream, firstSeq,
                     operations, location.count, location.digest});
  tree_.wrote(location, firstSeq + operations.size() - 1, ticket);
  location.journalOperations += operations.size();
  if (location.sync == SyncState::kInSync ||
      (location.sync == SyncState::kReplaying && location.lastSeq >= location.replayTo)) {
    location.sync = SyncState::kCaughtUp;
  }
  queueFold(location);
}

// A journal is worth folding when it outgrew what it leads to.
void KvController::queueFold(Location& location) {
  if (location.foldQueued || location.journalOperations <= std::max(foldFloor_, location.count)) {
    return;
  }
  location.foldQueued = true;
  foldsDue_.push_back({location.serial});
}

void KvController::startFolds() {
  while (folds_.size() < kFoldsAtOnce && !foldsDue_.empty() && store_.health().writable) {
    Location* location = tree_.byRef(foldsDue_.front());
    foldsDue_.pop_front();
    if (location == nullptr) continue;
    const LivePart& live = location->record.live;
    const uint64_t id = nextFold_++;
    folds_.emplace(id, Fold{{location->serial}, live});
    ++tree_.counters().foldsStarted;
    store_.fold({id, location->worker->owner, location->record.id, live, live.fold + 1});
  }
}

void KvController::onFolded(const FoldResult& result) {
  const auto found = folds_.find(result.id);
  HOLDFAST_CHECK(found != folds_.end(), "a fold that nobody asked for");
  const Fold fold = found->second;
  folds_.erase(found);
  Location* location = tree_.byRef(fold.location);
  if (location != nullptr) location->foldQueued = false;
  LivePart* live = location == nullptr ? nullptr : &location->record.live;
  const bool sameContent =
      live != nullptr && live->generation == fold.live.generation && live->fold == fold.live.fold;
  if (!result.ok) {
    ++tree_.counters().foldsAbandoned;
    if (location != nullptr) {
      events_.event(EventSink::Level::kWarning,
                    "fold of location '" + location->record.name + "' failed: " + result.error);
    }
  } else if (!sameContent || live->stream != fold.live.stream) {
    // The location moved on meanwhile. Its segments would only be in the way of the next fold.
    ++tree_.counters().foldsAbandoned;
    if (sameContent) {
      StoreBatch batch;
      batch.steps.emplace_back(DropFold{location->worker->owner, location->record.id,
                                        fold.live.generation, fold.live.fold + 1});
      tree_.wrote(store_.write(std::move(batch)));
    }
  } else {
    commitFold(*location, result);
  }
  if (location != nullptr) queueFold(*location);
}

void KvController::commitFold(Location& location, const FoldResult& result) {
  ++tree_.counters().foldsCommitted;
  LivePart& live = location.record.live;
  const OwnerId owner = location.worker->owner;
  const uint16_t id = location.record.id;
  const uint32_t oldFold = live.fold;
  live.fold = oldFold + 1;
  live.baseSeq = result.baseSeq;
  live.baseCount = result.baseCount;
  live.baseDigest = result.baseDigest;
  StoreBatch batch;
  batch.steps.emplace_back(PutLocation{owner, location.record});
  batch.steps.emplace_back(DropJournal{owner, id, live.generation, live.stream, live.baseSeq});
  if (oldFold != 0) batch.steps.emplace_back(DropFold{owner, id, live.generation, oldFold});
  tree_.wrote(store_.write(std::move(batch)));
  location.journalOperations = location.lastSeq - live.baseSeq;
}

Result<std::span<const LookupMatch>> KvController::lookup(std::string_view model,
                                                          std::span<const ChunkHash> hashes) {
  if (auto bad = invalidHashes(hashes)) return Error{ErrorCode::kInvalid, *bad};
  if (auto bad = invalidText("model", model, kModelBytesMax)) {
    return Error{ErrorCode::kInvalid, *bad};
  }
  ++tree_.counters().lookups;
  matcher_.match(tree_.salt(model), hashes, instanceMatches_);
  lookupMatches_.resize(instanceMatches_.size());
  for (size_t i = 0; i < instanceMatches_.size(); ++i) {
    const InstanceMatch& from = instanceMatches_[i];
    LookupMatch& to = lookupMatches_[i];
    to.instance = tree_.instanceBySlot(from.instance)->record.instance;
    to.location = tree_.locationName(from.location);
    to.chunks = from.chunks;
    to.allRanksChunks = from.allRanks;
    to.unconfirmed = from.unconfirmed;
    to.hits.clear();
    for (const LocationHits& hit : from.hits) {
      to.hits.emplace_back(tree_.locationName(hit.location), hit.chunks);
    }
  }
  return std::span<const LookupMatch>(lookupMatches_);
}

Result<std::span<const PeerMatch>> KvController::batchedP2pLookup(
    SessionId session, std::span<const ChunkHash> hashes) {
  if (auto bad = invalidHashes(hashes)) return Error{ErrorCode::kInvalid, *bad};
  Worker* worker = tree_.bySession(session);
  if (worker == nullptr) {
    return sessionNotInForce();
  }
  ++tree_.counters().p2pLookups;
  worker->lastHeardMs = clock_.steadyMs();
  matcher_.matchPeers(worker->modelSalt, hashes, worker->instance->slot, worker->record.worker,
                      instanceMatches_);
  peerMatches_.clear();
  for (const InstanceMatch& match : instanceMatches_) {
    const Instance& instance = *tree_.instanceBySlot(match.instance);
    const WorkerRecord& peer = instance.workers.at(match.rank)->record;
    if (peer.peerUrl.empty()) continue;
    peerMatches_.push_back(
        {instance.record.instance, tree_.locationName(match.location), match.chunks, peer.peerUrl});
  }
  return std::span<const PeerMatch>(peerMatches_);
}

}  // namespace holdfast
