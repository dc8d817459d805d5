// What a family says of itself: its record, its locations, where their journals end. Finds what
// nothing refers to, on the way.
#pragma once

#include <rocksdb/db.h>
#include <rocksdb/write_batch.h>

#include <memory>
#include <optional>
#include <string_view>

#include "core/records.h"
#include "format/keys.h"
#include "store/database.h"
#include "store/recovery.h"

namespace holdfast {

class HeadReader {
 public:
  // Fills in `owner` and adds to `leftovers` what is to be deleted of its family.
  HeadReader(Database& database, RecoveredOwner& owner, rocksdb::WriteBatch& leftovers);

  // One of them, once. Nothing if the family is damaged; owner.damage says so.
  std::optional<InstanceRecord> instance();
  std::optional<WorkerRecord> worker();

 private:
  template <typename Record>
  std::optional<Record> damage();
  std::string_view value(const StoreKey& key);
  bool locations();
  bool readEnds(const LocationRecord& location);
  bool readLast(uint16_t location, uint32_t generation);
  uint64_t operationsAbove(uint32_t stream, uint64_t seq) const;
  void findLeftovers();
  template <typename Parse, typename Judge>
  void findLeftovers(char tag, Parse parse, Judge judge);

  Database& database_;
  RecoveredOwner& owner_;
  rocksdb::WriteBatch& leftovers_;
  const std::unique_ptr<rocksdb::Iterator> rows_;

  // The last journal record that readLast() found, if any.
  struct Last {
    JournalKey key;
    uint64_t operations = 0;
    bool counted = false;
    uint64_t countAfter = 0;
  };
  std::optional<Last> last_;
};

}  // namespace holdfast
