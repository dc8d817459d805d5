#include "client/inbox.h"

#include <utility>

#include "client/event_loop.h"

namespace holdfast {

Inbox::Level Inbox::push(size_t location, std::span<const ChunkHash> keys, bool evict) {
  const std::lock_guard lock(mutex_);
  const size_t before = contents_.keys.size();
  if (before == 0) contents_.sinceMs = steadyNowMs();
  contents_.keys.insert(contents_.keys.end(), keys.begin(), keys.end());
  if (!contents_.runs.empty() && contents_.runs.back().location == location &&
      contents_.runs.back().evict == evict) {
    contents_.runs.back().operations += keys.size();
  } else {
    contents_.runs.push_back({static_cast<uint32_t>(location), evict, keys.size()});
  }
  return {before, before + keys.size()};
}

void Inbox::drainTo(WorkerStateMachine& machine) {
  {
    const std::lock_guard lock(mutex_);
    std::swap(contents_, draining_);
  }
  const std::span<const ChunkHash> keys = draining_.keys;
  size_t at = 0;
  for (const Run& run : draining_.runs) {
    machine.enqueue(run.location, keys.subspan(at, run.operations), run.evict, draining_.sinceMs);
    at += run.operations;
  }
  draining_.runs.clear();
  draining_.keys.clear();
}

Inbox::Waiting Inbox::waiting() const {
  const std::lock_guard lock(mutex_);
  return {contents_.keys.size(), contents_.sinceMs};
}

}  // namespace holdfast
