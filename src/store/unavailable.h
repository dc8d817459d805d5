// The error of what cannot be done as things are: the disk, a directory, or what is on it does not
// let us.
#pragma once

#include <string>
#include <utility>

#include "core/result.h"

namespace holdfast {

inline Error unavailable(std::string what) {
  return {ErrorCode::kUnavailable, std::move(what)};
}

}  // namespace holdfast
