// What an error says, for assertions that show it.
#pragma once

#include <optional>
#include <string>

#include "core/result.h"

namespace holdfast {

// "" if there is none.
inline std::string messageOf(const std::optional<Error>& error) {
  return error ? error->message : "";
}

}  // namespace holdfast
