// Registrations and heartbeats: what a worker states, and what the controller decides about it.
#pragma once

#include <vector>

#include "core/hash_settings.h"
#include "core/messages.h"
#include "schema/messages.capnp.h"

namespace holdfast {

// Without the sample, which is no setting.
HashSettings read(schema::HashSettings::Reader from);
void write(const HashSettings& settings, schema::HashSettings::Builder to);

std::vector<LocationStatement> read(capnp::List<schema::LocationStatement>::Reader from);
void write(const std::vector<LocationStatement>& statements,
           capnp::List<schema::LocationStatement>::Builder to);

// Without the worker's hash settings, which are compared and not kept.
Registration read(schema::RegisterMsg::Reader from);
void write(const Registration& registration, schema::RegisterMsg::Builder to);

std::vector<LocationDecision> read(capnp::List<schema::LocationDecision>::Reader from);
void write(const std::vector<LocationDecision>& decisions,
           capnp::List<schema::LocationDecision>::Builder to);

RegistrationAnswer read(schema::RegisterRetMsg::Reader from);
void write(const RegistrationAnswer& answer, schema::RegisterRetMsg::Builder to);

// Without the commands: they are for clients that have no incarnations, and their reasons are said
// for people.
HeartbeatOutcome read(schema::HeartbeatRetMsg::Reader from);
void write(const HeartbeatOutcome& outcome, schema::HeartbeatRetMsg::Builder to);

// Instance, rank, model and labels are the registration's.
EngineSource read(schema::EngineSource::Reader from, const Registration& of);
void write(const EngineSource& source, schema::EngineSource::Builder to);

}  // namespace holdfast
