// The events of cache operations, as orchestrators are told of them.
#pragma once

#include "core/event_record.h"
#include "core/operations/event_summary.h"
#include "schema/messages.capnp.h"

namespace holdfast {

void write(const EventRecord& event, schema::EventInfo::Builder to);
// Without its ranks, of which `summary` is.
void write(const EventRecord& event, const EventSummary& summary, schema::EventInfo::Builder to);

}  // namespace holdfast
