// The files of a copy that comes into a data directory from elsewhere, so that a start sees all of
// them or none.
//
//   DIR/joining   in the making: whatever is there counts for nothing
//   DIR/joined    whole, with its file COPY; its files are on their way up into DIR, CURRENT last
//
// Renaming one to the other is the moment in which the directory comes to have a store. A staging
// directory beside it would not do: a data directory may be a mount point.
#pragma once

#include <optional>
#include <string>

#include "core/result.h"

namespace holdfast {

inline constexpr const char* kJoiningDirectory = "joining";
inline constexpr const char* kJoinedDirectory = "joined";

// Of a data directory that is locked: throws away what did not come whole, and finishes what did.
// Of any other directory nothing changes. The error says what is wrong and what to do.
std::optional<Error> settleIncoming(const std::string& directory);

// All is in `joining` and on stable storage: makes it the directory's own.
std::optional<Error> adoptIncoming(const std::string& directory);

}  // namespace holdfast
