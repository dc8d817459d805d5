// What a controller is in its group.
#pragma once

#include "core/replica_view.h"
#include "core/views.h"
#include "schema/messages.capnp.h"

namespace holdfast {

void write(const ReplicaView& replica, schema::ReplicaInfo::Builder to);
ReplicaStatus read(schema::ReplicaInfo::Reader from);

}  // namespace holdfast
