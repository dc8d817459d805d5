// Between the wire (schema/messages.capnp) and the plain values of core and tokens; what a log
// remembers, too, is in capture/values.h.
#pragma once

#include <kj/exception.h>

#include <span>
#include <string_view>
#include <vector>

#include "capture/values.h"
#include "core/messages.h"
#include "core/registry/registry.h"
#include "core/result.h"
#include "schema/messages.capnp.h"
#include "tokens/token_hasher.h"

namespace holdfast {

// An error as it crosses the wire: its description begins with "superseded:", "refused:",
// "unavailable:", "invalid:" or "unknown:".
kj::Exception wireError(const Error& error);

void write(const HashSettings& settings, schema::HashSettings::Builder to);
HashSettings read(schema::HashSettings::Reader from);

void write(const std::vector<LocationDecision>& decisions,
           capnp::List<schema::LocationDecision>::Builder to);
void write(uint64_t syncId, const FullSyncStatus& status, schema::FullSyncStatusRetMsg::Builder to);
void write(const HeartbeatOutcome& outcome, schema::HeartbeatRetMsg::Builder to);

// What the registry knows of a worker and its locations. `nowMs` of the steady clock.
void write(const Registry& registry, const Worker& worker, uint64_t nowMs,
           schema::WorkerInfo::Builder to);
void write(const Registry& registry, Location& location, uint64_t nowMs,
           schema::LocationInfo::Builder to);

}  // namespace holdfast
