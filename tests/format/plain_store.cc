#include "tests/format/plain_store.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "core/registry/registry_digest.h"
#include "format/contents.h"
#include "format/registry_records.h"
#include "format/words.h"
#include "schema/storage.capnp.h"
#include "store/store_reader.h"
#include "store/store_writer.h"
#include "tests/store/raw_store.h"
#include "tests/support/message_of.h"

namespace holdfast::test {
namespace {

constexpr const char* kInstance = "llama-0";

std::string plainSegment(std::span<const ChunkHash> keys) {
  capnp::MallocMessageBuilder message(static_cast<unsigned>(keys.size() + 8),
                                      capnp::AllocationStrategy::FIXED_SIZE);
  message.initRoot<schema::SegmentRecord>().setHashes({keys.data(), keys.size()});
  const auto bytes = message.getSegmentsForOutput()[0].asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::vector<ChunkHash> sortedKeys(uint32_t worker, uint64_t count) {
  std::vector<ChunkHash> keys;
  for (uint64_t i = 0; i < count; ++i) {
    keys.push_back(splitmix64Finalise((uint64_t{worker} << 40) + i));
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

// The worker's records in a family of its own.
void putWorker(StoreWriter& writer, uint32_t number, std::span<const ChunkHash> keys,
               LocationRecord& location) {
  ASSERT_EQ(messageOf(writer.beginFamily({kInstance, OwnerKind::kWorker, number})), "");
  WorkerRecord worker;
  worker.instance = kInstance;
  worker.worker = number;
  worker.run = 1;
  ASSERT_EQ(messageOf(writer.put(workerKey(), encodeRecord(worker))), "");
  location.name = "gpu";
  location.nextGeneration = 2;
  location.live.generation = 1;
  location.live.fold = 1;
  location.live.incarnation = 7;
  location.live.baseSeq = location.live.baseCount = keys.size();
  for (const ChunkHash key : keys) location.live.baseDigest.add(key);
  ASSERT_EQ(messageOf(writer.put(locationKey(0), encodeRecord(location))), "");
  for (uint32_t n = 0; n * kSegmentKeysMax < keys.size(); ++n) {
    const size_t at = n * kSegmentKeysMax;
    const auto part = keys.subspan(at, std::min(kSegmentKeysMax, keys.size() - at));
    ASSERT_EQ(messageOf(writer.put(segmentKey({0, 1, 1, n}), plainSegment(part))), "");
  }
}

void write(const std::string& dataDir, FormatRecord& format, uint32_t workers, uint64_t keys,
           RegistryDigest& digest) {
  auto created = StoreWriter::create(dataDir, format);
  ASSERT_TRUE(created.ok()) << created.error().message;
  StoreWriter& writer = *created.value();
  ASSERT_EQ(messageOf(writer.beginFamily({kInstance, OwnerKind::kInstance, 0})), "");
  InstanceRecord instance;
  instance.instance = kInstance;
  ASSERT_EQ(messageOf(writer.put(instanceKey(), encodeRecord(instance))), "");
  for (uint32_t number = 0; number < workers; ++number) {
    LocationRecord location;
    putWorker(writer, number, sortedKeys(number, keys), location);
    const LivePart& live = location.live;
    digest.addState(kInstance, number, location.name, live.baseCount, live.baseDigest,
                    live.incarnation, live.baseSeq);
  }
  ASSERT_EQ(messageOf(writer.finish()), "");
  ASSERT_EQ(messageOf(writer.publish("")), "");
}

}  // namespace

PlainStore makePlainStore(const std::string& dataDir, uint32_t workers, uint64_t keys) {
  FormatRecord format;
  format.version = 1;
  format.createdBy = "plain store";
  RegistryDigest digest;
  write(dataDir, format, workers, keys, digest);
  rawPut(dataDir, "default", std::string(kFormatKey), encodeRecord(format));
  return {digest.hex(), workers * keys};
}

uint64_t plainSegments(const std::string& dataDir) {
  const auto reader = StoreReader::open(dataDir);
  EXPECT_TRUE(reader.ok()) << reader.error().message;
  uint64_t plain = 0;
  const StoreKey prefix = StoreKey().tag('S');
  for (size_t family = 0; family < reader.value()->families().size(); ++family) {
    auto rows = reader.value()->rows(family);
    for (rows.seek(prefix); rows.at(prefix); rows.next()) {
      std::vector<uint64_t> scratch;
      const auto words = alignedWords(rows.value(), scratch);
      const auto segment = words ? decodeSegment(*words) : std::nullopt;
      if (segment && !segment->packed()) ++plain;
    }
  }
  return plain;
}

}  // namespace holdfast::test
