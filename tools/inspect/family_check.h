// Checks one family of the store: its records, the content of its locations, and what was left
// behind in it.
#pragma once

#include <cstdint>
#include <string>

#include "inspect/findings.h"
#include "inspect/recount.h"
#include "store/store_reader.h"

namespace holdfast::inspect {

struct FamilyCheckOptions {
  RecountOptions recount;
  // A table file of the family is damaged and was reported: failures to read are no news.
  bool tableDamaged = false;
};

// Of a family that has an owner. Any thread.
void checkFamily(const StoreReader& reader, size_t family, const FamilyCheckOptions& options,
                 Findings& findings);

// What the next start of holdfastd makes of a worker's family that is damaged.
extern const char* const kQuarantined;

}  // namespace holdfast::inspect
