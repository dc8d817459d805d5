// How keys and values are handed to RocksDB.
#pragma once

#include <rocksdb/slice.h>

#include <string_view>

#include "format/keys.h"

namespace holdfast {

// Views: valid as long as what they are made of.
inline rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}

inline rocksdb::Slice slice(const StoreKey& key) {
  return slice(key.view());
}

}  // namespace holdfast
