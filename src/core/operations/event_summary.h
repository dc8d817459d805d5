// What the answers of all ranks add up to.
#pragma once

#include <cstdint>
#include <string>

#include "core/event_record.h"

namespace holdfast {

struct EventSummary {
  EventStatus status = EventStatus::kRunning;
  uint64_t numTokens = 0;  // done: as every rank answered
  std::string error;       // failed: who answered what
};

EventSummary summarise(const EventRecord& event);

}  // namespace holdfast
