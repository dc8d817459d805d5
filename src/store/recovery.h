// Reading back everything at start. Threads read and check families; the calling thread feeds what
// they read to the sink.
#pragma once

#include <rocksdb/write_batch.h>

#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/registry_store.h"
#include "core/result.h"
#include "format/commit_mark.h"
#include "format/registry_records.h"
#include "store/database.h"
#include "store/newest_records.h"

namespace holdfast {

struct RecoveredOwner {
  OwnerId id = kNoOwner;
  FamilyIndex family = kNoFamily;
  OwnerRecord record;
  std::vector<LocationRecord> locations;
  std::vector<LocationMark> ends;  // where its live and building parts end
  NewestRecords newest;            // of the journals; all that was found is in table files anyway
  uint64_t keys = 0;               // in what is read of it, estimated
  uint64_t chunks = 0;             // memberships of the live parts in the end, estimated
  std::optional<Error> damage;     // why it cannot be read
};

struct RecoveryOutcome {
  std::vector<RecoveredOwner> owners;    // by id
  std::map<uint32_t, FamilyMark> marks;  // of what was read
  // Deletes what unfinished folds left, and what a damaged log kept of dropped generations.
  rocksdb::WriteBatch leftovers;
};

// The owners get the ids 0, 1, ... in the order of Database::owned().
RecoveryOutcome recoverAll(Database& database, const StoreOptions& options, RecoverySink& sink);

}  // namespace holdfast
