#include "client/inbox.h"

#include <algorithm>

#include "client/event_loop.h"

namespace holdfast {

Inbox::Level Inbox::push(size_t location, std::span<const ChunkHash> keys, bool evict,
                         bool mayWait) {
  return push(location, keys, evict ? Kind::kEvict : Kind::kAdmit, mayWait);
}

Inbox::Level Inbox::clear(size_t location) {
  constexpr ChunkHash kNone = 0;
  return push(location, {&kNone, 1}, Kind::kClear, false);
}

Inbox::Level Inbox::push(size_t location, std::span<const ChunkHash> keys, Kind kind,
                         bool mayWait) {
  // A long list is copied before the lock is taken, so that no other thread waits for that.
  std::list<Chunk> copied;
  const auto copyFrom = [&](std::span<const ChunkHash> rest) {
    const uint64_t nowMs = steadyNowMs();
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), kChunkKeys));
      append(copied.emplace_back(), location, part, kind);
      copied.back().sinceMs = nowMs;
      rest = rest.subspan(part.size());
    }
  };
  if (keys.size() >= kChunkKeys) copyFrom(keys);

  const MutexLock lock(mutex_);
  if (mayWait && operations_ >= kFull) {
    const auto until = std::chrono::steady_clock::now() + kWaitMax;
    while (operations_ >= kFull && room_.waitUntil(mutex_, until)) {
    }
  }
  const size_t before = operations_;
  operations_ += keys.size();
  accepted_[location] += keys.size();
  if (!copied.empty()) {
    chunks_.splice(chunks_.end(), copied);
  } else if (!chunks_.empty() && chunks_.back().keys.size() + keys.size() <= kChunkKeys) {
    append(chunks_.back(), location, keys, kind);
  } else {
    copyFrom(keys);
    chunks_.splice(chunks_.end(), copied);
  }
  return {before, operations_};
}

void Inbox::append(Chunk& chunk, size_t location, std::span<const ChunkHash> keys, Kind kind) {
  chunk.keys.insert(chunk.keys.end(), keys.begin(), keys.end());
  const auto at = static_cast<uint32_t>(location);
  if (!chunk.runs.empty() && chunk.runs.back().location == at && chunk.runs.back().kind == kind) {
    chunk.runs.back().operations += keys.size();
  } else {
    chunk.runs.push_back({at, kind, keys.size()});
  }
}

bool Inbox::drainTo(WorkerStateMachine& machine, size_t operations) {
  size_t moved = 0;
  while (true) {
    std::list<Chunk> oldest;
    {
      const MutexLock lock(mutex_);
      if (chunks_.empty() || moved >= operations) return !chunks_.empty();
      oldest.splice(oldest.end(), chunks_, chunks_.begin());
      const bool wasFull = operations_ >= kFull;
      operations_ -= oldest.front().keys.size();
      if (wasFull && operations_ < kFull) room_.notifyAll();
    }
    const Chunk& chunk = oldest.front();
    const std::span<const ChunkHash> keys = chunk.keys;
    size_t at = 0;
    for (const Run& run : chunk.runs) {
      if (run.kind == Kind::kClear) {
        for (size_t i = 0; i < run.operations; ++i) machine.clear(run.location);
      } else {
        machine.enqueue(run.location, keys.subspan(at, run.operations), run.kind == Kind::kEvict,
                        chunk.sinceMs);
      }
      at += run.operations;
    }
    moved += keys.size();
  }
}

void Inbox::drop() {
  std::list<Chunk> dropped;
  const MutexLock lock(mutex_);
  dropped.splice(dropped.end(), chunks_);
  operations_ = 0;
  room_.notifyAll();
}

Inbox::Waiting Inbox::waiting() const {
  const MutexLock lock(mutex_);
  return {operations_, chunks_.empty() ? 0 : chunks_.front().sinceMs};
}

std::vector<uint64_t> Inbox::position() const {
  const MutexLock lock(mutex_);
  return accepted_;
}

}  // namespace holdfast
