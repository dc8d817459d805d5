// What a family says of itself at a start: its record, its locations, where their journals end.
// Finds what nothing refers to, on the way.
#pragma once

#include <rocksdb/write_batch.h>

#include <optional>

#include "core/records.h"
#include "core/result.h"
#include "format/content_cursor.h"
#include "format/family_rows.h"
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
  Result<WorkerRecord> readWorker();
  std::optional<Error> readEnds(const LocationRecord& location);
  Result<std::optional<JournalEnd>> readEnd(uint16_t location, uint32_t generation);
  void findLeftovers();
  template <typename Parse, typename Judge>
  void findLeftovers(char tag, Parse parse, Judge judge);

  Database& database_;
  RecoveredOwner& owner_;
  rocksdb::WriteBatch& leftovers_;
  FamilyRows rows_;
};

}  // namespace holdfast
