// Words for what messages contain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/messages.capnp.h"
#include "text/json_writer.h"
#include "text/table.h"
#include "wire/text.h"

namespace holdfast::ctl {

using text::agoText;
using text::bytesText;
using text::durationText;
using text::grouped;
using text::hexText;
using text::JsonWriter;
using text::kRight;
using text::Table;

std::string stateName(schema::WorkerState state);
std::string syncName(schema::SyncState state);
std::string reasonText(schema::Reason reason);
std::string_view phaseName(schema::FullSyncInfo::Phase phase);

}  // namespace holdfast::ctl
