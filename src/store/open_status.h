// What an open says.
#pragma once

#include <rocksdb/status.h>

namespace holdfast {

// What a damaged or missing table file makes of an open.
inline bool speaksOfDamage(const rocksdb::Status& status) {
  return status.IsCorruption() || status.IsPathNotFound() || status.IsNotFound();
}

}  // namespace holdfast
