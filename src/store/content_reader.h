// Reads and checks the contents of one worker at start: what the records of its locations refer to,
// in the order in which a sink gets it.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "core/records.h"
#include "store/database.h"
#include "store/keys.h"
#include "store/recovery.h"
#include "store/recovery_queue.h"

namespace holdfast {

class ContentReader {
 public:
  ContentReader(Database& database, const RecoveredOwner& owner, RecoveryQueue& queue);

  // Into the queue, up to the last part, which says if something cannot be read.
  void run();

 private:
  // Each is empty, or why it cannot be read.
  std::string read();
  std::string segments(const LocationRecord& location);
  std::string batches(const LocationRecord& location, RecoveryRow::Kind kind);
  std::string journal(const LocationRecord& location, RecoveryRow::Kind kind);
  std::string pins(const LocationRecord& location);

  // Calls read(key, value) with each row of a prefix while that returns "". The part has room for
  // the value.
  template <typename Read>
  std::string rows(const StoreKey& prefix, Read read);

  const RecoveredOwner& owner_;
  RecoveryQueue& queue_;
  const std::unique_ptr<rocksdb::Iterator> rows_;
  std::unique_ptr<RecoveryPart> part_;
  std::vector<RecoveredPins> pins_;
};

}  // namespace holdfast
