// Samples of what engines stored, for whoever learns how they hash.
#pragma once

#include <optional>

#include "core/engine_source.h"
#include "gateways/engine_events/events.h"
#include "hashing/stored_blocks.h"

namespace holdfast::engines {

// Of a stored event that was decoded, its first blocks. `details` is scratch. Nothing where it says
// no tokens, or has keys that nobody here knows.
std::optional<StoredBlocks> sampleOf(const EngineSource& source, const Event& event,
                                     Details& details);

}  // namespace holdfast::engines
