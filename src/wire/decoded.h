// Messages whose very encoding may be broken, which Cap'n Proto finds out while they are read.
#pragma once

#include <kj/exception.h>

#include <optional>
#include <utility>

#include "core/result.h"

namespace holdfast {

// What `read()` returns, a T or a Result<T>; kInvalid where it throws.
template <typename T, typename Read>
Result<T> decoded(const Read& read) {
  std::optional<Result<T>> value;
  if (kj::runCatchingExceptions([&]() { value.emplace(read()); }) != nullptr) {
    return Error{ErrorCode::kInvalid, "it cannot be decoded"};
  }
  return *std::move(value);
}

}  // namespace holdfast
