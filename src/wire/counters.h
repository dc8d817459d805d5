// Counters by their names.
#pragma once

#include "core/counters.h"
#include "schema/messages.capnp.h"

namespace holdfast {

NamedCounters read(capnp::List<schema::StatusRetMsg::Counter>::Reader from);
void write(const NamedCounters& counters, capnp::List<schema::StatusRetMsg::Counter>::Builder to);

}  // namespace holdfast
