// Which ranks an instance has, by name, and what they say of how many there are.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/registry/registry_tree.h"

namespace holdfast {

// The world size that the ranks that are not LOST state; 0: none states one, or they differ.
uint32_t statedWorldSize(const Instance& instance);

// Whether ranks that are not LOST state different world sizes, or one is not below what the others
// state. Cheap.
bool ranksContradict(const Instance& instance);
// Who states what, a few of each; empty where ranks do not contradict each other.
std::string contradictionOf(const Instance& instance);

// The ranks that make the instance up, ascending: all, but LOST ones at or above the world size,
// which are left from a larger one.
std::vector<const Worker*> ranksOf(const Instance& instance);

// Ranks below the stated world size that are not registered: "1, 3 to 5"; empty: none.
std::string missingRanks(const Instance& instance);

}  // namespace holdfast
