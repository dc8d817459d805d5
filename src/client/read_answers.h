// From schema/messages.capnp to what a LookupClient returns.
#pragma once

#include <vector>

#include "client/lookup_client.h"
#include "schema/messages.capnp.h"

namespace holdfast {

LookupAnswer readLookup(schema::LookupRetMsg::Reader from);
std::vector<WorkerView> readWorkers(capnp::List<schema::WorkerInfo>::Reader from);
std::vector<DivergedView> readDiverged(capnp::List<schema::DivergedRetMsg::Diverged>::Reader from);
ControllerStatus readStatus(schema::StatusRetMsg::Reader from);

}  // namespace holdfast
