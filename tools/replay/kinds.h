// The kinds of entries by name, and what an entry is about.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "capture/player.h"
#include "replay/options.h"
#include "schema/capture.capnp.h"

namespace holdfast::replay {

// By CaptureEntry::Which; "full-sync-start".
const std::vector<std::string>& kindNames();
inline constexpr size_t kFirstKind = kLogEntryKinds;
std::string kindOf(schema::CaptureEntry::Reader entry);

bool matches(const Filter& filter, schema::CaptureEntry::Reader entry, const Player& player);
// A line: number, time, kind, whose, and what it carries.
std::string describe(uint64_t number, schema::CaptureEntry::Reader entry, const Player& player);
// What the look-up that was just replayed has found, a line an instance.
std::string foundBy(const Player& player);
// The state of the worker or instance that the entry is about, a line a location; empty: it is
// about none, or about one that is not there.
std::string stateAround(schema::CaptureEntry::Reader entry, const Player& player);

}  // namespace holdfast::replay
