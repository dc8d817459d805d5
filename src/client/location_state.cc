#include "client/location_state.h"

#include <algorithm>
#include <utility>

#include "core/index/prefetch.h"

namespace holdfast {
namespace {

// Keys of a report are random addresses in a large table: this many are fetched ahead.
constexpr size_t kPrefetchAhead = 12;

void applyTo(KeySet& keys, KeyDigest& digest, ChunkHash key, uint8_t& flags) {
  const bool evict = (flags & OperationBuffer::kEvict) != 0;
  if (!(evict ? keys.erase(key) : keys.insert(key))) return;
  flags |= OperationBuffer::kEffect;
  evict ? digest.remove(key) : digest.add(key);
}

// `forward`: the operation happens; else it is undone.
void applyTo(LocationState::Cut& cut, ChunkHash key, uint8_t flags, bool forward) {
  cut.seq += forward ? 1 : ~uint64_t{0};
  if ((flags & OperationBuffer::kEffect) == 0) return;
  if (((flags & OperationBuffer::kEvict) != 0) == forward) {
    --cut.count;
    cut.digest.remove(key);
  } else {
    ++cut.count;
    cut.digest.add(key);
  }
}

}  // namespace

LocationState::LocationState(std::string theName, std::span<const ChunkHash> contents,
                             uint64_t theIncarnation)
    : name(std::move(theName)), incarnation(theIncarnation) {
  keys.reserve(contents.size());
  for (const ChunkHash key : contents) {
    if (keys.insert(key)) digest.add(key);
  }
  beganEmpty = keys.empty();
  cursorToEnd();
}

LocationStatement LocationState::statement() const {
  return {.location = name,
          .incarnation = incarnation,
          .beganEmpty = beganEmpty,
          .lastSeq = lastSeq,
          .count = keys.size(),
          .digest = digest,
          .replayableFrom = ringFirst(),
          .syncId = sync ? sync->id() : 0};
}

LocationStatement LocationState::statementOfCursor() const {
  return {.location = name,
          .incarnation = incarnation,
          .beganEmpty = beganEmpty,
          .lastSeq = cursor.seq,
          .count = cursor.count,
          .digest = cursor.digest,
          .replayableFrom = std::min(ringFirst(), cursor.seq + 1),
          .syncId = sync ? sync->id() : 0};
}

void LocationState::restartNumbering(uint64_t newIncarnation) {
  ring.clear();
  incarnation = newIncarnation;
  beganEmpty = keys.empty();
  lastSeq = 0;
  cursorToEnd();
  stated = false;
  absorbing = true;
  replays.clear();
  sync.reset();
  syncCommand.reset();
  named = committed = 0;
  origin = accepted - queue.size();
}

size_t LocationState::clear(uint64_t newIncarnation) {
  const size_t moot = queue.size();
  queue.clear();
  keys = {};
  digest = {};
  restartNumbering(newIncarnation);
  absorbing = false;
  lastSeq = 1;
  cursorToEnd();
  origin = accepted - 1;
  return moot;
}

bool LocationState::knownEmpty() const {
  return stated && keys.empty() && queue.empty() && committed == lastSeq && !diverged && !sync &&
         !syncCommand;
}

size_t LocationState::absorb(size_t operations) {
  const size_t n = std::min(operations, queue.size());
  for (size_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) prefetchLine(keys.home(queue.key(i + kPrefetchAhead)));
    uint8_t flags = queue.flags(i);
    applyTo(keys, digest, queue.key(i), flags);
  }
  queue.pop(n);
  origin += n;
  beganEmpty = keys.empty();
  cursorToEnd();
  return n;
}

uint64_t LocationState::window(size_t ringOperations) const {
  // Confirmations are of what look-ups see, so none come before the sync is complete.
  if (diverged || sync) return UINT64_MAX;
  const uint64_t unconfirmed = lastSeq - named;
  return ringOperations - std::min<uint64_t>(ringOperations, unconfirmed);
}

// The controller has everything before nextSeq. What it misses and the ring no longer has can only
// come by a full sync, so the rest of the ring would be of no use to it either.
void LocationState::moveCursor(const LocationDecision& answer) {
  uint64_t nextSeq = answer.nextSeq;
  if (nextSeq == 0 || nextSeq > lastSeq) nextSeq = lastSeq + 1;
  // What a full sync builds may come to nothing yet.
  if (answer.kind != DecisionKind::kSyncing) named = std::max(named, nextSeq - 1);
  if (nextSeq < ringFirst()) nextSeq = lastSeq + 1;
  cursorToEnd();
  for (size_t i = ring.size(); cursor.seq >= nextSeq; --i) {
    applyTo(cursor, ring.key(i - 1), ring.flags(i - 1), false);
  }
}

void LocationState::takeReplay(size_t operations, OutgoingReport& report) {
  const ReplayRanges::Range range = replays.take(operations);
  report.firstSeq = range.from;
  for (uint64_t seq = range.from; seq <= range.to; ++seq) {
    const size_t i = seq - ringFirst();
    report.append(ring.key(i), (ring.flags(i) & OperationBuffer::kEvict) != 0);
  }
}

void LocationState::takeFromRing(size_t operations, OutgoingReport& report) {
  const size_t n = std::min<uint64_t>(operations, lastSeq - cursor.seq);
  const size_t first = cursor.seq + 1 - ringFirst();
  for (size_t i = first; i < first + n; ++i) {
    const uint8_t flags = ring.flags(i);
    report.append(ring.key(i), (flags & OperationBuffer::kEvict) != 0);
    applyTo(cursor, ring.key(i), flags, true);
  }
}

void LocationState::takeFromQueue(size_t operations, size_t ringOperations,
                                  OutgoingReport& report) {
  const size_t n = std::min<uint64_t>({operations, queue.size(), window(ringOperations)});
  for (size_t i = 0; i < n; ++i) {
    if (i + kPrefetchAhead < n) prefetchLine(keys.home(queue.key(i + kPrefetchAhead)));
    const ChunkHash key = queue.key(i);
    uint8_t flags = queue.flags(i);
    report.append(key, (flags & OperationBuffer::kEvict) != 0);
    applyTo(keys, digest, key, flags);
    if (ring.size() == ringOperations) ring.pop(1);
    ring.push(key, flags);
  }
  queue.pop(n);
  lastSeq += n;
  cursorToEnd();
}

void LocationState::endSession() {
  told = 0;
  replays.clear();
  syncCommand.reset();
  if (sync) sync->park();
}

void LocationState::stop() {
  queue.clear();
  ring.clear();
  replays.clear();
  sync.reset();
  syncCommand.reset();
}

}  // namespace holdfast
