#include "serving/measurements.h"

#include <algorithm>

#include "core/operations/event_summary.h"

namespace holdfast {

void Measurements::settled(const EventRecord& event) {
  Operations& ofKind = operations[static_cast<size_t>(event.kind)];
  const uint64_t finished = event.finishedMs();
  ofKind.milliseconds.record(finished - std::min(finished, event.createdMs()));
  ++(summarise(event).status == EventStatus::kDone ? ofKind.done : ofKind.failed);
}

}  // namespace holdfast
