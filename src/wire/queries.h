// Answers to questions about the controller, as whoever asked sees them.
#pragma once

#include <vector>

#include "core/views.h"
#include "schema/messages.capnp.h"

namespace holdfast {

LocationView read(schema::LocationInfo::Reader from);
std::vector<WorkerView> read(capnp::List<schema::WorkerInfo>::Reader from);
std::vector<InstanceView> read(capnp::List<schema::InstanceInfo>::Reader from);
std::vector<DivergedView> read(capnp::List<schema::DivergedRetMsg::Diverged>::Reader from);
ControllerStatus read(schema::StatusRetMsg::Reader from);

}  // namespace holdfast
