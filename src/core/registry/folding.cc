#include "core/registry/folding.h"

#include <utility>

#include "core/check.h"
#include "core/notice.h"
#include "core/registry/notice_names.h"

namespace holdfast {

void Folding::start() {
  if (held_) return;
  while (running_.size() < kAtOnce && !due_.empty() && store_.health().writable) {
    Location* location = tree_.byRef(due_.front());
    due_.pop_front();
    if (location == nullptr) continue;
    const LivePart& live = location->record.live;
    const uint64_t id = nextId_++;
    running_.emplace(id, Fold{{location->serial}, live});
    ++tree_.counters().foldsStarted;
    store_.fold({id, location->worker->owner, location->record.id, live, live.fold + 1});
  }
}

void Folding::restart() {
  HOLDFAST_CHECK(running_.empty(), "%zu folds run", running_.size());
  due_.clear();
  held_ = false;
}

void Folding::onFolded(const FoldResult& result) {
  const auto found = running_.find(result.id);
  HOLDFAST_CHECK(found != running_.end(), "a fold that nobody asked for");
  const Fold fold = found->second;
  running_.erase(found);
  Location* location = tree_.byRef(fold.location);
  if (location != nullptr) location->foldQueued = false;
  LivePart* live = location == nullptr ? nullptr : &location->record.live;
  const bool sameContent =
      live != nullptr && live->generation == fold.live.generation && live->fold == fold.live.fold;
  if (!result.ok) {
    ++tree_.counters().foldsAbandoned;
    if (location != nullptr) {
      notices_.notice(notice::FoldFailed{nameOf(*location), result.error});
    }
  } else if (!sameContent || live->stream != fold.live.stream) {
    // The location moved on meanwhile. Its segments would only be in the way of the next fold.
    ++tree_.counters().foldsAbandoned;
    if (sameContent) {
      StoreBatch batch;
      batch.steps.emplace_back(DropFold{location->worker->owner, location->record.id,
                                        fold.live.generation, fold.live.fold + 1});
      store_.write(std::move(batch));
    }
  } else {
    commit(*location, result);
  }
  if (location != nullptr) queue(*location);
}

void Folding::commit(Location& location, const FoldResult& result) {
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
  // The journal may be the only one that has it.
  WorkerRecord worker = location.worker->record;
  if (worker.position) {
    if (worker.state == WorkerState::kRecovered) worker.state = WorkerState::kActive;
    batch.steps.emplace_back(PutWorker{owner, std::move(worker)});
  }
  batch.steps.emplace_back(DropJournal{owner, id, live.generation, live.stream, live.baseSeq});
  batch.steps.emplace_back(DropFold{owner, id, live.generation, oldFold});
  store_.write(std::move(batch));
  location.journalOperations = location.lastSeq - live.baseSeq;
}

}  // namespace holdfast
