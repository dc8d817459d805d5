// The table of what is pinned, against a plain map.
#include "core/registry/location_pins.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/core/random_sequences.h"

namespace holdfast::test {
namespace {

ChunkHash chunkOf(uint64_t i) {
  if (i == 0) return 0;
  return i == 1 ? UINT64_MAX : i << 40;  // weak in their low bits
}

void compare(const LocationPins& pins, const std::map<ChunkHash, PinRecord>& model,
             uint64_t universe) {
  ASSERT_EQ(pins.size(), model.size());
  for (uint64_t i = 0; i < universe; ++i) {
    const auto expected = model.find(chunkOf(i));
    const PinRecord* const found = pins.find(chunkOf(i));
    ASSERT_EQ(found != nullptr, expected != model.end()) << i;
    if (found != nullptr) {
      ASSERT_EQ(*found, expected->second);
    }
  }
  std::map<ChunkHash, PinRecord> visited;
  std::map<uint32_t, uint32_t> chunks;
  pins.forPlaces(0, pins.places(), [&](ChunkHash chunk, uint32_t group) {
    ASSERT_TRUE(visited.emplace(chunk, pins.group(group).record).second);
    ++chunks[group];
  });
  ASSERT_EQ(visited, model);
  std::map<uint32_t, uint32_t> counted;
  pins.forGroups(0, pins.groups(), [&](uint32_t index, const LocationPins::Group& group) {
    counted[index] = group.chunks;
  });
  ASSERT_EQ(counted, chunks);
}

TEST(LocationPins, EqualAPlainMap) {
  forRandomSequences(2'000, [](Random& random) {
    PinTotals all;
    all.pins = 7;
    {
      LocationPins pins(all, 1);
      std::map<ChunkHash, PinRecord> model;
      const uint64_t universe = 4 + below(random, 200);
      for (uint64_t n = below(random, 60); n > 0; --n) {
        if (chance(random, 60)) {
          const PinRecord record{"event " + std::to_string(below(random, 3)), below(random, 2),
                                 below(random, 2)};
          std::vector<ChunkHash> chunks;
          for (uint64_t k = below(random, 40); k > 0; --k) {
            chunks.push_back(chunkOf(below(random, universe)));
            model[chunks.back()] = record;
          }
          pins.pin(record, chunks);
        } else {
          const ChunkHash chunk = chunkOf(below(random, universe));
          ASSERT_EQ(pins.drop(chunk), model.erase(chunk) == 1);
        }
        compare(pins, model, universe);
        ASSERT_EQ(all.pins, 7 + model.size());
      }
    }
    ASSERT_EQ(all.pins, 7u) << "what is destroyed is not counted any more";
  });
}

}  // namespace
}  // namespace holdfast::test
