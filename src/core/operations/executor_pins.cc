// What becomes of a pin: how many there may be, and what is remembered when a rank has done one.
#include <algorithm>
#include <span>
#include <string>

#include "core/operations/executor.h"
#include "core/registry/instance_ranks.h"

namespace holdfast {

// Every chunk counts for every rank, pinned already or not: what is under way may change that.
std::optional<Error> Executor::tooManyPins(const OperationRequest& request) const {
  uint64_t pins = tree_.pins();
  for (const auto& [number, event] : log_.unfinished()) {
    pins += event->record.toPin.size() * event->openRanks;
  }
  const size_t ranks = ranksOf(*tree_.findInstance(request.instance)).size();
  if (pins + request.chunks.size() * ranks <= kPinsMax) return std::nullopt;
  return Error{ErrorCode::kUnavailable,
               "a pin of " + std::to_string(request.chunks.size()) + " chunks on " +
                   std::to_string(ranks) + " ranks, where " + std::to_string(pins) +
                   " are pinned or being pinned: at most " + std::to_string(kPinsMax) +
                   " may be; pin fewer, or clear some of what is pinned (holdfast-ctl pins), or "
                   "pin with a time to live"};
}

bool Executor::recordPins() {
  if (pinned_.empty()) return false;
  Pinned& next = pinned_.front();
  Event* const event = log_.bySerial(next.of.serial);
  RankRecord* const rank = event == nullptr ? nullptr : &event->record.ranks[next.of.rank];
  // It may have ended meanwhile: the process is gone, its time was over, or it has answered twice.
  if (rank == nullptr || rank->final()) {
    pinned_.pop_front();
    return !pinned_.empty();
  }
  const EventRecord& record = event->record;
  const std::span<const ChunkHash> left = std::span(record.toPin).subspan(next.next);
  const auto chunks = left.first(std::min(left.size(), Pins::kChunksPerTurn));
  const Worker& worker = *tree_.findWorker(record.instance, rank->worker);
  Location* const location = worker.find(record.location);
  // Of another model the same hashes are other chunks.
  if (location != nullptr && worker.modelSalt == event->modelSalt) {
    // The same for all ranks, and however often one is asked; but not longer than the worker pins.
    uint64_t ttlSeconds = record.ttlSeconds;
    if (worker.pinSecondsMax != 0 && (ttlSeconds == 0 || ttlSeconds > worker.pinSecondsMax)) {
      ttlSeconds = worker.pinSecondsMax;
    }
    const uint64_t ttlMs = ttlSeconds * 1000;
    PinRecord pin{record.id, record.createdWallMs, 0, 0};
    if (ttlMs != 0) {
      pin.expiresWallMs = record.createdWallMs + ttlMs;
      pin.expiresStoreMs = record.createdMs() + ttlMs;
    }
    pins_.record(*location, pin, chunks);
  }
  next.next += chunks.size();
  if (chunks.size() < left.size()) return true;
  rank->numTokens = next.numTokens;
  pinned_.pop_front();
  finishRank(*event, *rank, RankStatus::kDone, {});
  return !pinned_.empty();
}

}  // namespace holdfast
