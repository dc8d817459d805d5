// How the families of a store are kept, whoever writes it.
#pragma once

#include <rocksdb/options.h>

#include <cstddef>

namespace holdfast {

inline rocksdb::ColumnFamilyOptions storedFamilyOptions() {
  rocksdb::ColumnFamilyOptions family;
  // A family's write buffer grows in steps of this size; most families are small.
  family.arena_block_size = size_t{16} << 10;
  family.compression = rocksdb::kNoCompression;  // hashes do not compress
  family.target_file_size_base = size_t{64} << 20;
  return family;
}

}  // namespace holdfast
