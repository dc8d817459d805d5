#include "migrations/migrations.h"

#include <rocksdb/status.h>

#include <iterator>

namespace holdfast {
namespace {

constexpr Migration kMigrations[] = {
    {1, "first format", firstFormat},
    {2, "packed segments", packSegments},
};

}  // namespace

std::span<const Migration> migrations() {
  return kMigrations;
}

uint32_t newestFormat() {
  return kMigrations[std::size(kMigrations) - 1].number;
}

}  // namespace holdfast
