// Reads and checks the contents of one worker at start: what the records of its locations refer to,
// in the order in which a sink gets it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "core/records.h"
#include "core/result.h"
#include "format/content_cursor.h"
#include "format/family_rows.h"
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
  class Damage;
  class Unpacked;
  class Copied;

  // What cannot be read.
  std::optional<Error> read();
  std::optional<Error> content(const LocationRecord& location);
  std::optional<Error> pins(const LocationRecord& location);
  // Begins another part where so many words do not fit.
  void makeRoom(size_t words);
  void add(const LocationRecord& location, RecoveryRow::Kind kind, uint32_t number,
           const JournalEntry& entry);

  const RecoveredOwner& owner_;
  RecoveryQueue& queue_;
  FamilyRows rows_;
  std::unique_ptr<RecoveryPart> part_;
  std::vector<RecoveredPins> pins_;
};

}  // namespace holdfast
