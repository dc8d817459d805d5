// Reading back everything at start. Threads read and check families; the calling thread feeds what
// they read to the sink.
#pragma once

#include <rocksdb/write_batch.h>

#include <functional>
#include <vector>

#include "core/registry_store.h"
#include "store/database.h"
#include "store/keys.h"

namespace holdfast {

struct RecoveredOwner {
  OwnerId id = kNoOwner;
  FamilyIndex family = kNoFamily;
  OwnerRecord record;
  std::vector<LocationRecord> locations;
  std::vector<JournalKey> newest;  // of each location that has a journal
  uint64_t keys = 0;               // in live segments and journals, estimated
  uint64_t chunks = 0;             // memberships in the end
  std::string damage;              // why it cannot be read; empty: it can
};

struct RecoveryOutcome {
  std::vector<RecoveredOwner> owners;  // by id
  // Deletes what unfinished folds and dropped generations left.
  rocksdb::WriteBatch leftovers;
};

// The owners get the ids 0, 1, ... in the order of Database::owned().
RecoveryOutcome recoverAll(Database& database, const StoreOptions& options, RecoverySink& sink);

}  // namespace holdfast
