// What is sure to fail later is refused first: before a store is created, migrated or recovered for
// nothing.
#pragma once

#include <optional>
#include <string>

#include "daemon/configuration.h"

namespace holdfast {

struct CannotServe {
  ExitCode code = ExitCode::kListen;
  std::string why;  // and what to do
};

// Addresses that cannot be listened on or would let everybody in, a capture log that cannot begin,
// a module that is not there. Loads the module of a group's log.
std::optional<CannotServe> cannotServe(const Configuration& configuration);

}  // namespace holdfast
