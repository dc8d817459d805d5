// Records of cache operations <-> values (schema/storage.capnp).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/records.h"

namespace holdfast {

std::string encodeRecord(const EventRecord& record);
// Ranks that were running or unknown are pending. Nothing if it is damaged.
std::optional<EventRecord> decodeEvent(std::string_view value);

}  // namespace holdfast
