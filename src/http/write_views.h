// What core's queries find, and cache operations, as JSON. Names of fields are those of
// schema/messages.capnp, words for states those of holdfast-ctl.
#pragma once

#include <string>

#include "core/event_record.h"
#include "core/operations/event_summary.h"
#include "core/queries/diverged.h"
#include "core/queries/instances.h"
#include "core/queries/pins.h"
#include "core/queries/workers.h"
#include "http/json.h"

namespace holdfast::http {

// 16 digits: for what is no hash of a chunk, and nobody calculates with.
std::string hexText(uint64_t value);

// Each writes one object.
void write(JsonWriter& json, const queries::InstanceView& instance);
void write(JsonWriter& json, const queries::WorkerView& worker);
void write(JsonWriter& json, const queries::DivergedView& diverged);
void write(JsonWriter& json, const queries::PinView& pin, bool withChunks);
void write(JsonWriter& json, const RankRecord& rank);

// The members of an operation's object but for its ranks.
void writeMembers(JsonWriter& json, const EventRecord& event, const EventSummary& summary);

}  // namespace holdfast::http
