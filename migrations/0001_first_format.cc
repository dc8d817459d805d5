// Format 1: nothing -> families, keys and records as in src/format/keys.h.
#include <rocksdb/db.h>

#include <random>

#include "migrations/migrations.h"

namespace holdfast {

rocksdb::Status firstFormat(MigrationContext& context) {
  std::random_device random;
  for (uint8_t& byte : context.format.clusterId) byte = static_cast<uint8_t>(random());
  context.format.createdBy = context.createdBy;
  context.format.createdWallMs = context.nowWallMs;
  return rocksdb::Status::OK();
}

}  // namespace holdfast
