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

// "0.85"; empty where none is stated.
std::string loadText(uint32_t load);
// "10.0.0.7:8000"; empty where neither is stated.
std::string addressText(capnp::Text::Reader ip, uint32_t port);
// "zone=eu-1a, tier=gold"
std::string labelsText(capnp::List<schema::Label>::Reader labels);
// As fields of the object that is open: "load", a number, left out where none is stated; "labels"
// and "endpoint", objects.
void writeLoad(JsonWriter& json, uint32_t load);
void writeLabels(JsonWriter& json, capnp::List<schema::Label>::Reader labels);
void writeEndpoint(JsonWriter& json, schema::Endpoint::Reader endpoint);

}  // namespace holdfast::ctl
