// Counts the keys of a location anew and compares count and digest with what its records say: at
// the base of the live part and after every journal record.
//
// Keys are held while they are counted. A location of more keys than may be held is counted in
// slices of the key space, each by reading it again; then only base and end are compared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "inspect/content_walk.h"

namespace holdfast::inspect {

struct RecountOptions {
  // Distinct keys held at a time, 11 to 22 bytes each; 1 and more.
  uint64_t keysMax = uint64_t{8} << 20;
  // Called with the number of keys just read; may be empty.
  std::function<void(uint64_t)> read;
};

// The error says why reading ended early (a damaged table file).
std::optional<Error> recount(FamilyRows& rows, const LocationRecord& location,
                             const RecountOptions& options, const Report& report);

}  // namespace holdfast::inspect
