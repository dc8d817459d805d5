// Where workers and instances are reached, what they say of themselves, and how busy they are.
#pragma once

#include "core/labels.h"
#include "core/load.h"
#include "core/lookups.h"
#include "core/views.h"
#include "schema/messages.capnp.h"

namespace holdfast {

Labels read(capnp::List<schema::Label>::Reader from);
// Into a list of the same size.
void write(std::span<const Label> labels, capnp::List<schema::Label>::Builder to);

Endpoint read(schema::Endpoint::Reader from);
// What is empty takes no room.
void write(const EndpointRef& endpoint, schema::Endpoint::Builder to);
// At least as many words as it takes.
uint64_t wordsOf(const EndpointRef& endpoint);

// As people and programs see a load: 1 is saturated.
StatedLoad statedLoad(Load load);

}  // namespace holdfast
