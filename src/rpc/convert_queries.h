// From what core/queries finds to the wire.
#pragma once

#include "core/queries/diverged.h"
#include "core/queries/events.h"
#include "core/queries/instances.h"
#include "core/queries/pins.h"
#include "core/queries/status.h"
#include "core/queries/workers.h"
#include "schema/messages.capnp.h"

namespace holdfast {

void write(const queries::Status& status, schema::StatusRetMsg::Builder to);
void write(const queries::LocationView& location, schema::LocationInfo::Builder to);
void write(const queries::WorkerView& worker, schema::WorkerInfo::Builder to);
void write(const queries::InstanceView& instance, schema::InstanceInfo::Builder to);
void write(const queries::DivergedView& diverged, schema::DivergedRetMsg::Diverged::Builder to);
void write(const queries::PinView& pin, schema::PinsRetMsg::Entry::Builder to);

}  // namespace holdfast
