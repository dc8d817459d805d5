// Iterators over a worker's family, which may be damaged.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/iterator.h>
#include <rocksdb/table_properties.h>

#include <cstddef>
#include <memory>

namespace holdfast {

// As DB::NewIterator; an iterator with the error if a table file cannot be opened. RocksDB 7.8 adds
// the range tombstones of a table to its iterator a second time for each older table that cannot be
// opened (Version::AddIteratorsForLevel), and frees them as often.
inline std::unique_ptr<rocksdb::Iterator> iterate(rocksdb::DB& db,
                                                  rocksdb::ColumnFamilyHandle* family,
                                                  const rocksdb::ReadOptions& options) {
  rocksdb::TablePropertiesCollection tables;
  const rocksdb::Status opened = db.GetPropertiesOfAllTables(family, &tables);
  return std::unique_ptr<rocksdb::Iterator>(opened.ok() ? db.NewIterator(options, family)
                                                        : rocksdb::NewErrorIterator(opened));
}

// To read it once, `readaheadBytes` at a time; 0: as RocksDB does by itself.
inline std::unique_ptr<rocksdb::Iterator> iterateOnce(rocksdb::DB& db,
                                                      rocksdb::ColumnFamilyHandle* family,
                                                      size_t readaheadBytes) {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = readaheadBytes;
  return iterate(db, family, options);
}

}  // namespace holdfast
