// Format 1: nothing -> families, keys and records as in src/format/keys.h,
// with plain segments.
#include <rocksdb/db.h>

#include <random>

#include "migrations/migrations.h"

namespace holdfast {

rocksdb::Status firstFormat(MigrationContext& context) {
  std::random_device random;
  for (uint8_t& byte : context.identity.clusterId) byte = static_cast<uint8_t>(random());
  context.identity.createdBy = context.createdBy;
  context.identity.createdWallMs = context.nowWallMs;
  return rocksdb::Status::OK();
}

}  // namespace holdfast
