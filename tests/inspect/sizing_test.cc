// The formulas of tools/README.md, against what a store and an index really take.
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "core/index/chunk_index.h"
#include "inspect/registry_view.h"
#include "tests/inspect/store_grower.h"
#include "tests/support/scratch.h"

namespace holdfast::test {
namespace {

constexpr double kTolerance = 0.2;

std::vector<ChunkHash> hashes(uint64_t from, uint64_t count) {
  std::vector<ChunkHash> keys;
  for (uint64_t i = 0; i < count; ++i) keys.push_back(splitmix64Finalise(from + i));
  return keys;
}

// Bytes of one chunk in the sorted segments of a location that holds so many.
double segmentBytes(double chunks) {
  return std::ceil((67.5 - std::log2(chunks)) / 8);
}

// Table files of a location: its sorted segments, and the reports since they were made.
double diskBytes(double sorted, double operations, double reports) {
  return segmentBytes(sorted) * sorted + 8.1 * operations + 100 * reports;
}

struct Sized {
  double formula = 0;
  double memberships = 0;
  double tables = 0;     // bytes
  double compacted = 0;  // the same, without what was replaced
};

// Rids the table files of what was replaced, as RocksDB does in its own time.
void compact(const std::string& dataDir) {
  std::vector<std::string> names;
  ASSERT_TRUE(rocksdb::DB::ListColumnFamilies(rocksdb::Options(), dataDir, &names).ok());
  rocksdb::ColumnFamilyOptions options;
  options.compression = rocksdb::kNoCompression;
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const std::string& name : names) families.emplace_back(name, options);
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* opened = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(rocksdb::Options(), dataDir, families, &handles, &opened).ok());
  const std::unique_ptr<rocksdb::DB> db(opened);
  for (rocksdb::ColumnFamilyHandle* handle : handles) {
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    EXPECT_TRUE(db->CompactRange(all, handle, nullptr, nullptr).ok());
    db->DestroyColumnFamilyHandle(handle);
  }
}

double tableBytes(const std::string& dataDir) {
  const auto reader = StoreReader::open(dataDir);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  double bytes = 0;
  for (const auto& table : reader.value()->tableFiles()) {
    if (parseFamilyName(table.family)) bytes += static_cast<double>(table.bytes);
  }
  return bytes;
}

// A worker of `chunks` that evicts and admits again, in reports of `perReport`, and its store.
Sized grown(uint64_t chunks, uint64_t perReport, uint64_t more) {
  const Scratch scratch;
  const std::string dir = (scratch.path() / "data").string();
  {
    StoreGrower grower(dir, 1);
    grower.admit("a", 0, "gpu", hashes(0, chunks));
    for (uint64_t at = 0; at < chunks; at += 4000) {
      grower.evict("a", 0, "gpu", hashes(at, 2000));
      grower.admit("a", 0, "gpu", hashes(at, 2000));
    }
    grower.settle();
    for (uint64_t done = 0; done < more; done += perReport) {
      grower.admit("a", 0, "gpu", hashes((uint64_t{1} << 40) + done, perReport));
    }
    grower.settle();
    grower.close();
  }
  // A start brings what is in the log to table files.
  StoreGrower again(dir, 1);
  again.settle();
  again.close();
  const auto reader = StoreReader::open(dir);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  text::Progress progress;
  const auto view = inspect::viewRegistry(*reader.value(), progress);
  Sized sized;
  for (const auto& worker : view.workers) {
    for (const auto& location : worker.head.locations) {
      const auto sorted = static_cast<double>(location.record.live.baseCount);
      const auto operations = static_cast<double>(location.journalOperations());
      EXPECT_GT(sorted, 0);
      sized.formula += diskBytes(sorted, operations, operations / static_cast<double>(perReport));
    }
  }
  sized.memberships = static_cast<double>(view.memberships);
  sized.tables = tableBytes(dir);
  compact(dir);
  sized.compacted = tableBytes(dir);
  return sized;
}

TEST(Sizing, SegmentsTakeSixToEightBytesAChunk) {
  EXPECT_EQ(segmentBytes(1'000), 8);
  EXPECT_EQ(segmentBytes(100'000), 7);
  EXPECT_EQ(segmentBytes(1'000'000), 6);
  EXPECT_EQ(segmentBytes(100'000'000), 6);
}

TEST(Sizing, DiskIsAsTheFormulaSays) {
  struct Case {
    uint64_t chunks;
    uint64_t perReport;
    uint64_t more;
  };
  for (const Case& one :
       {Case{200'000, 256, 50'000}, Case{100'000, 32, 40'000}, Case{1'000'000, 256, 1'000}}) {
    const Sized sized = grown(one.chunks, one.perReport, one.more);
    EXPECT_NEAR(sized.compacted, sized.formula, kTolerance * sized.formula)
        << one.chunks << " chunks, " << one.more << " operations in reports of " << one.perReport;
    // What is to be provided suffices before, too.
    EXPECT_LT(sized.tables, 30 * sized.memberships) << one.chunks;
  }
}

// Tables of the index grow in steps, so it is the mean of many sizes that the formula is of.
TEST(Sizing, TheIndexIsAsTheFormulaSays) {
  ChunkIndex index;
  const HolderId holder = index.addHolder();
  constexpr uint64_t kStep = 100'000;
  double ratios = 0;
  uint64_t sizes = 0;
  for (uint64_t chunks = kStep; chunks <= 6'000'000; chunks += kStep) {
    (void)index.apply(holder, 0, {hashes(chunks - kStep, kStep), {}});
    if (chunks < 1'500'000) continue;  // not below so much
    const double each = static_cast<double>(index.memoryBytes()) / static_cast<double>(chunks);
    EXPECT_LT(each, 28) << chunks;
    ratios += each / 18;
    ++sizes;
  }
  EXPECT_NEAR(ratios / static_cast<double>(sizes), 1, kTolerance);
}

}  // namespace
}  // namespace holdfast::test
