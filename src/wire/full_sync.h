// The messages of a full sync. A sync's id comes with every answer beside the plain value, since
// core and client know which one they asked about.
#pragma once

#include <cstdint>
#include <vector>

#include "core/messages.h"
#include "schema/messages.capnp.h"

namespace holdfast {

FullSyncStart read(schema::FullSyncStartMsg::Reader from);
void write(const FullSyncStart& start, schema::FullSyncStartMsg::Builder to);

// Without the ticket.
FullSyncStartOutcome read(schema::FullSyncStartRetMsg::Reader from);
void write(uint64_t syncId, const FullSyncStartOutcome& outcome,
           schema::FullSyncStartRetMsg::Builder to);

// Refers to the message, and to `scratch`.
FullSyncBatch read(schema::FullSyncBatchMsg::Reader from, std::vector<uint64_t>& scratch);
void write(const FullSyncBatch& batch, schema::FullSyncBatchMsg::Builder to);

FullSyncEnd read(schema::FullSyncEndMsg::Reader from);
void write(const FullSyncEnd& end, schema::FullSyncEndMsg::Builder to);

FullSyncPoll read(schema::FullSyncStatusMsg::Reader from);
void write(const FullSyncPoll& poll, schema::FullSyncStatusMsg::Builder to);

FullSyncStatus read(schema::FullSyncStatusRetMsg::Reader from);
void write(uint64_t syncId, const FullSyncStatus& status, schema::FullSyncStatusRetMsg::Builder to);

}  // namespace holdfast
