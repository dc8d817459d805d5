// The steps from one storage format to the next, in order.
//
// A step may be cut short by the end of the process and is then applied again from its beginning,
// so it must tolerate its own half-done work. Its number is written to the format record last. A
// step has the codec of its day, and nothing of what reads and writes the newest format.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace rocksdb {
class ColumnFamilyHandle;
class DB;
class Status;
}  // namespace rocksdb

namespace holdfast {

// Drawn when a store is made; after that nothing changes it.
struct StoreIdentity {
  std::array<uint8_t, 16> clusterId{};
  std::string createdBy;
  uint64_t createdWallMs = 0;
};

// What the steps work on. Everything in the store is in table files; nobody else writes, and
// nothing is compacted but by a step.
struct MigrationContext {
  rocksdb::DB& db;
  std::span<rocksdb::ColumnFamilyHandle* const> families;  // of the pool
  StoreIdentity& identity;  // stored with the step's number when the step is done
  std::string createdBy;    // program and version
  uint64_t nowWallMs = 0;
  // How far a step is, in bytes of table files; called often. May be empty, as the next one.
  std::function<void(uint64_t done, uint64_t total)> progress;
  std::function<void(const std::string&)> warn;
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
rocksdb::Status packSegments(MigrationContext& context);

}  // namespace holdfast
