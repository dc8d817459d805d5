#include "client/operation_buffer.h"

#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <utility>

#include "seeds.h"

namespace holdfast {
namespace {

TEST(OperationBuffer, AgreesWithStdDeque) {
  forEachSeed(200, [](uint64_t seed) {
    std::mt19937_64 random(seed);
    OperationBuffer buffer;
    std::deque<std::pair<ChunkHash, uint8_t>> model;
    for (int i = 0; i < 300; ++i) {
      const auto flags = static_cast<uint8_t>(random() % 4);
      if (random() % 2 == 0) {
        const ChunkHash key = random();
        buffer.push(key, flags);
        model.emplace_back(key, flags);
      } else if (random() % 2 == 0) {
        std::vector<ChunkHash> keys(random() % 100);
        for (ChunkHash& key : keys) model.emplace_back(key = random(), flags);
        buffer.push(keys, flags);
      } else if (!model.empty()) {
        const size_t n = random() % (model.size() + 1);
        buffer.pop(n);
        model.erase(model.begin(), model.begin() + static_cast<ptrdiff_t>(n));
      }
      ASSERT_EQ(buffer.size(), model.size());
      for (size_t k = 0; k < model.size(); ++k) {
        ASSERT_EQ(buffer.key(k), model[k].first);
        ASSERT_EQ(buffer.flags(k), model[k].second);
      }
    }
  });
}

}  // namespace
}  // namespace holdfast
