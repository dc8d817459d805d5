// The events of cache operations, as orchestrators are told of them.
#pragma once

#include "core/event_record.h"
#include "schema/messages.capnp.h"

namespace holdfast {

enum class WithRanks : bool { kNo, kYes };
void write(const EventRecord& event, WithRanks withRanks, schema::EventInfo::Builder to);

}  // namespace holdfast
