// The part of the state machine that the controller commands: replays and full syncs.
#include <algorithm>

#include "client/worker_state.h"

namespace holdfast {

WorkerStateMachine::ReplayAnswer WorkerStateMachine::replay(std::string_view name,
                                                            uint64_t incarnation, uint64_t from,
                                                            uint64_t to) {
  ++counters_.replays;
  Location* location = find(name);
  if (location == nullptr) {
    ++counters_.replaysRefused;
    return {};
  }
  const uint64_t first = location->ringFirst();
  const bool session = phase_ == Phase::kRegistered || phase_ == Phase::kRegistering;
  if (!session || !location->stated || location->incarnation != incarnation || from < first ||
      from > to || to > location->lastSeq) {
    ++counters_.replaysRefused;
    return {false, first};
  }
  // The controller has the session, and waits for what the answer, which is on its way, will have
  // us send. To refuse would cost a full sync.
  if (phase_ == Phase::kRegistering) return {true, first};
  const uint64_t sent = std::min(to, location->cursor.seq);
  if (from <= sent) location->replays.add({from, sent});
  return {true, first};
}

bool WorkerStateMachine::startFullSync(std::string_view name, uint64_t continueSyncId) {
  Location* location = find(name);
  const bool session = phase_ == Phase::kRegistered || phase_ == Phase::kRegistering;
  if (location == nullptr || !session || !location->stated) return false;
  location->syncCommand = continueSyncId;
  return !location->sync || location->sync->id() != continueSyncId;
}

std::optional<FullSyncMessage> WorkerStateMachine::nextSync(uint64_t nowMs) {
  for (size_t i = 0; i < locations_.size(); ++i) {
    const size_t at = (syncTurn_ + i) % locations_.size();
    Location& location = locations_[at];
    if (!mayReport(location)) continue;
    if (location.syncCommand) {
      const bool goesOn = location.sync && location.sync->id() == *location.syncCommand;
      if (!goesOn) takeCut(location);
      location.sync->goOn();
      location.syncCommand.reset();
    }
    if (!location.sync) continue;
    std::optional<FullSyncMessage> message = location.sync->next(nowMs);
    if (!message) continue;
    syncTurn_ = (at + 1) % locations_.size();
    if (const auto* batch = std::get_if<FullSyncBatch>(&*message)) {
      ++counters_.fullSyncBatches;
      counters_.fullSyncKeys += batch->keys.size();
    }
    return message;
  }
  return std::nullopt;
}

void WorkerStateMachine::takeCut(Location& location) {
  const uint64_t id = randomId(location.sync ? location.sync->id() : 0);
  location.sync.emplace(FullSyncStart{.location = location.name,
                                      .incarnation = location.incarnation,
                                      .syncId = id,
                                      .totalKeys = 0,
                                      .batchCount = 0,
                                      .baseSeq = location.lastSeq,
                                      .digest = location.digest,
                                      .lastSeq = location.lastSeq},
                        location.keys.keys(), options_.syncBatchKeys);
  location.replays.clear();
  location.cursor = {location.lastSeq, location.keys.size(), location.digest};
  ++counters_.fullSyncs;
}

WorkerStateMachine::Location* WorkerStateMachine::findSync(std::string_view name, uint64_t syncId) {
  Location* location = find(name);
  return location != nullptr && location->sync && location->sync->id() == syncId ? location
                                                                                 : nullptr;
}

void WorkerStateMachine::fullSyncStarted(std::string_view name, uint64_t syncId,
                                         const FullSyncStartOutcome& answer) {
  Location* location = findSync(name, syncId);
  if (location == nullptr || !location->sync->awaitsStart()) return;
  location->syncRefusal = answer.error;
  if (answer.accepted) {
    location->syncRefusal.clear();
    location->sync->started(answer.missing);
  } else {
    location->sync.reset();
  }
}

bool WorkerStateMachine::fullSyncAnswered(std::string_view name, uint64_t syncId,
                                          const FullSyncStatus& answer, uint64_t nowMs) {
  Location* location = findSync(name, syncId);
  if (location == nullptr || !location->sync->awaitsStatus()) return false;
  if (answer.known && !answer.complete) {
    location->sync->statusAnswered(answer.missing, nowMs);
    return false;
  }
  if (answer.complete) {
    ++counters_.fullSyncsCompleted;
    const uint64_t baseSeq = location->sync->start().baseSeq;
    location->committed = std::max(location->committed, baseSeq);
    location->named = std::max(location->named, baseSeq);
  }
  location->sync.reset();
  return answer.complete;
}

bool WorkerStateMachine::syncing(std::string_view name) const {
  const Location* location = find(name);
  return location != nullptr && (location->sync || location->syncCommand);
}

}  // namespace holdfast
