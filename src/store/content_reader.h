// Reads and checks the contents of one worker at start: what the records of its locations refer to,
// in the order in which a sink gets it.
#pragma once

#include <rocksdb/db.h>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/records.h"
#include "format/keys.h"
#include "store/database.h"
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

  // Calls read(key, value) with each row of a prefix while that returns "".
  template <typename Read>
  std::string rows(const StoreKey& prefix, Read read);
  // Begins another part where so many words do not fit.
  void makeRoom(size_t words);
  // The value as words of the part, nothing if it is not whole words.
  std::optional<std::span<const uint64_t>> copy(std::string_view value);

  const RecoveredOwner& owner_;
  RecoveryQueue& queue_;
  const std::unique_ptr<rocksdb::Iterator> rows_;
  std::unique_ptr<RecoveryPart> part_;
  std::vector<RecoveredPins> pins_;
  std::vector<uint64_t> scratch_;
};

}  // namespace holdfast
