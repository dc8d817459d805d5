// Between the wire (schema/messages.capnp) and the plain values of core and tokens.
#pragma once

#include <kj/exception.h>

#include <span>
#include <string_view>
#include <vector>

#include "core/messages.h"
#include "core/registry.h"
#include "core/result.h"
#include "schema/messages.capnp.h"
#include "tokens/token_hasher.h"

namespace holdfast {

// Valid as long as the message is.
inline std::string_view viewOf(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline capnp::Text::Reader textOf(std::string_view text) {
  return {text.data(), text.size()};
}

// The numbers of a list as they lie in the message, without a copy. A peer may have encoded the
// list in a wider form (schema evolution allows it): then they are copied into `scratch`.
template <typename T>
std::span<const T> numbersOf(typename capnp::List<T>::Reader list, std::vector<T>& scratch);
extern template std::span<const uint64_t> numbersOf<uint64_t>(capnp::List<uint64_t>::Reader,
                                                              std::vector<uint64_t>&);
extern template std::span<const uint32_t> numbersOf<uint32_t>(capnp::List<uint32_t>::Reader,
                                                              std::vector<uint32_t>&);

// An error as it crosses the wire: its description begins with "superseded:", "refused:",
// "unavailable:" or "invalid:".
kj::Exception wireError(const Error& error);

void write(const HashSettings& settings, schema::HashSettings::Builder to);
HashSettings read(schema::HashSettings::Reader from);

Registration read(schema::RegisterMsg::Reader from);
std::vector<LocationStatement> read(capnp::List<schema::LocationStatement>::Reader from);
void write(const std::vector<LocationDecision>& decisions,
           capnp::List<schema::LocationDecision>::Builder to);
FullSyncStart read(schema::FullSyncStartMsg::Reader from);
void write(uint64_t syncId, const FullSyncStatus& status, schema::FullSyncStatusRetMsg::Builder to);
void write(const HeartbeatOutcome& outcome, schema::HeartbeatRetMsg::Builder to);

// What the registry knows of a worker and its locations. `nowMs` of the steady clock.
void write(const Registry& registry, const Worker& worker, uint64_t nowMs,
           schema::WorkerInfo::Builder to);
void write(const Registry& registry, Location& location, uint64_t nowMs,
           schema::LocationInfo::Builder to);

}  // namespace holdfast
