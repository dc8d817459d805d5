// What a family says of its owner without its keys being read: the records, and where the journals
// end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/records.h"
#include "core/result.h"
#include "format/family_rows.h"
#include "format/registry_records.h"

namespace holdfast {

struct LocationHead {
  LocationRecord record;
  // Of the live part, at the end of its journal.
  uint64_t lastSeq = 0;
  // False: the newest record came while the generation was built and says neither count nor digest,
  // which are then left 0. See store/live_keys.h.
  bool counted = true;
  uint64_t count = 0;
  KeyDigest digest;

  // In the journal of the current stream.
  uint64_t journalOperations() const { return lastSeq - record.live.baseSeq; }
};

struct WorkerHead {
  WorkerRecord record;
  std::vector<LocationHead> locations;  // by id
};

// The error says which record of the family cannot be read and why.
Result<InstanceRecord> readInstanceHead(FamilyRows& rows, const OwnerRecord& owner);
Result<WorkerHead> readWorkerHead(FamilyRows& rows, const OwnerRecord& owner);
// Parts of it: the worker's own record, those of its locations, one location.
Result<WorkerRecord> readWorkerRecord(FamilyRows& rows, const OwnerRecord& owner);
Result<std::vector<LocationRecord>> readLocationRecords(FamilyRows& rows);
Result<LocationHead> readLocationHead(FamilyRows& rows, LocationRecord record);

// "location 'gpu'", for errors.
std::string describe(const LocationRecord& location);

}  // namespace holdfast
