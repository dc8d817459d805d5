// Words for what messages contain.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "schema/messages.capnp.h"

namespace holdfast::ctl {

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
// 16 digits.
std::string hex(uint64_t number);
// "3 s ago"; of ms since 1970-01-01 UTC, 0 is never.
std::string ago(uint64_t wallMs);

}  // namespace holdfast::ctl
