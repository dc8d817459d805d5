#include "core/queries/events.h"

namespace holdfast::queries {
namespace {

// What a list of events shows, without a copy of what it does not.
EventRecord withoutRanks(const EventRecord& record) {
  EventRecord copy;
  copy.id = record.id;
  copy.number = record.number;
  copy.kind = record.kind;
  copy.instance = record.instance;
  copy.location = record.location;
  copy.toInstance = record.toInstance;
  copy.toLocation = record.toLocation;
  copy.method = record.method;
  copy.copy = record.copy;
  copy.chunks = record.chunks;
  copy.ttlSeconds = record.ttlSeconds;
  copy.arguments = record.arguments;
  copy.createdWallMs = record.createdWallMs;
  copy.finishedWallMs = record.finishedWallMs;
  copy.createdStoreMs = record.createdStoreMs;
  copy.finishedStoreMs = record.finishedStoreMs;
  return copy;
}

}  // namespace

bool EventCursor::next(Found& found, size_t work) {
  const auto& events = log_.bySerial();
  auto at = events.lower_bound(before_);
  for (size_t spent = 0; spent < work; ++spent) {
    if (at == events.begin()) return false;
    --at;
    before_ = at->first;
    const Event& event = *at->second;
    const EventRecord& record = event.record;
    if (!filter_.instance.empty() && record.instance != filter_.instance) continue;
    if (filter_.unfinishedOnly && event.finished) continue;
    if (filter_.kind && record.kind != *filter_.kind) continue;
    if (total_++ >= filter_.max) continue;
    found.push_back({withoutRanks(record), summarise(record)});
    spent += record.ranks.size();
  }
  return true;
}

}  // namespace holdfast::queries
