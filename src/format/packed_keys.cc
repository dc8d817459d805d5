#include "format/packed_keys.h"

#include <bit>
#include <cstring>

#include "core/check.h"

namespace holdfast {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kWidthMax = sizeof(ChunkHash);

}  // namespace

uint32_t differenceWidth(std::span<const ChunkHash> keys) {
  uint64_t all = 1;
  for (size_t i = 1; i < keys.size(); ++i) all |= keys[i] - keys[i - 1];
  return static_cast<uint32_t>((std::bit_width(all) + 7) / 8);
}

void packDifferences(std::span<const ChunkHash> keys, uint32_t width, std::span<uint8_t> out) {
  HOLDFAST_CHECK(out.size() == (keys.size() - 1) * width, "%zu bytes for %zu keys of width %u",
                 out.size(), keys.size(), width);
  for (size_t i = 1; i < keys.size(); ++i) {
    const uint64_t difference = keys[i] - keys[i - 1];
    std::memcpy(out.data() + (i - 1) * width, &difference, width);
  }
}

bool unpackKeys(ChunkHash first, uint32_t width, std::span<const uint8_t> differences,
                std::span<ChunkHash> out) {
  HOLDFAST_CHECK(width >= 1 && width <= kWidthMax, "a width of %u", width);
  const size_t count = differences.size() / width;
  HOLDFAST_CHECK(out.size() > count, "room for %zu of %zu keys", out.size(), count + 1);
  ChunkHash key = first;
  out[0] = key;
  bool ascending = true;
  const auto next = [&](size_t i, uint64_t difference) {
    const ChunkHash before = key;
    key += difference;
    ascending &= key > before;
    out[i + 1] = key;
  };
  // Eight bytes at a time, of which the upper ones are of the next differences: that is several
  // times as fast, and possible where so many bytes follow.
  const uint64_t mask = ~uint64_t{0} >> (64 - 8 * width);
  const size_t beyond = kWidthMax - width;
  const size_t wide = differences.size() < kWidthMax ? 0 : (differences.size() - beyond) / width;
  const uint8_t* from = differences.data();
  size_t i = 0;
  for (; i < wide; ++i, from += width) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, from, kWidthMax);
    next(i, bytes & mask);
  }
  for (; i < count; ++i, from += width) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, from, width);
    next(i, bytes);
  }
  return ascending;
}

}  // namespace holdfast
