// Words for what messages contain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/messages.capnp.h"
#include "text/json_writer.h"
#include "text/table.h"

namespace holdfast::ctl {

using text::agoText;
using text::bytesText;
using text::durationText;
using text::grouped;
using text::hexText;
using text::JsonWriter;
using text::kRight;
using text::Table;

inline std::string_view viewOf(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline std::string stringOf(capnp::Text::Reader text) {
  return std::string(viewOf(text));
}
inline capnp::Text::Reader textOf(const std::string& text) {
  return {text.data(), text.size()};
}

std::string stateName(schema::WorkerState state);
std::string syncName(schema::SyncState state);
std::string reasonText(schema::Reason reason);
std::string_view phaseName(schema::FullSyncInfo::Phase phase);

}  // namespace holdfast::ctl
