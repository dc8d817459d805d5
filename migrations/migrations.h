// The steps from one storage format to the next, in order.
//
// A step may be cut short by the end of the process and is then applied again from its beginning,
// so it must tolerate its own half-done work. Its number is written to the format record last.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "store/record_codec.h"

namespace rocksdb {
class DB;
class Status;
}  // namespace rocksdb

namespace holdfast {

struct MigrationContext {
  rocksdb::DB& db;
  FormatRecord& format;   // stored with the step's number when the step is done
  std::string createdBy;  // program and version
  uint64_t nowWallMs = 0;
};

struct Migration {
  uint32_t number;  // of the format it makes, from 1 without gaps
  const char* name;
  rocksdb::Status (*apply)(MigrationContext& context);
};

std::span<const Migration> migrations();
// Number of the last one: the format this program reads and writes.
uint32_t newestFormat();

// The steps.
rocksdb::Status firstFormat(MigrationContext& context);

}  // namespace holdfast
