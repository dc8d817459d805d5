#include "tokens/blake3.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace holdfast {
namespace {

constexpr size_t kBlockBytes = 64;
constexpr size_t kChunkBytes = 1024;

constexpr uint32_t kChunkStart = 1 << 0;
constexpr uint32_t kChunkEnd = 1 << 1;
constexpr uint32_t kParent = 1 << 2;
constexpr uint32_t kRoot = 1 << 3;

using Words8 = std::array<uint32_t, 8>;
using Words16 = std::array<uint32_t, 16>;

constexpr Words8 kIv = {0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
                        0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19};
constexpr std::array<uint8_t, 16> kPermutation = {2, 6,  3,  10, 7, 0,  4,  13,
                                                  1, 11, 12, 5,  9, 14, 15, 8};

void mix(Words16& v, size_t a, size_t b, size_t c, size_t d, uint32_t x, uint32_t y) {
  v[a] += v[b] + x;
  v[d] = std::rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 12);
  v[a] += v[b] + y;
  v[d] = std::rotr(v[d] ^ v[a], 8);
  v[c] += v[d];
  v[b] = std::rotr(v[b] ^ v[c], 7);
}

void round(Words16& v, const Words16& m) {
  for (size_t i = 0; i < 4; ++i) {  // columns
    mix(v, i, 4 + i, 8 + i, 12 + i, m[2 * i], m[2 * i + 1]);
  }
  for (size_t i = 0; i < 4; ++i) {  // diagonals
    mix(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[8 + 2 * i], m[9 + 2 * i]);
  }
}

// What is left to be compressed of a node of the tree: only then is it known whether it is the
// root.
struct Node {
  Words8 chaining = kIv;
  Words16 block{};
  uint64_t counter = 0;
  uint32_t length = 0;  // of the block, in bytes
  uint32_t flags = 0;

  Words8 compress(uint32_t more = 0) const {
    Words16 v{};
    std::copy(chaining.begin(), chaining.end(), v.begin());
    std::copy(kIv.begin(), kIv.begin() + 4, v.begin() + 8);
    v[12] = static_cast<uint32_t>(counter);
    v[13] = static_cast<uint32_t>(counter >> 32);
    v[14] = length;
    v[15] = flags | more;
    Words16 m = block;
    for (int i = 0; i < 7; ++i) {
      round(v, m);
      const Words16 before = m;
      for (size_t j = 0; j < m.size(); ++j) m[j] = before[kPermutation[j]];
    }
    Words8 out{};
    for (size_t i = 0; i < out.size(); ++i) out[i] = v[i] ^ v[i + 8];
    return out;
  }
};

// Little-endian, filled up with zeros.
Words16 wordsOf(std::span<const uint8_t> bytes) {
  Words16 words{};
  for (size_t i = 0; i < bytes.size(); ++i) {
    words[i / 4] |= static_cast<uint32_t>(bytes[i]) << (8 * (i % 4));
  }
  return words;
}

Node chunk(std::span<const uint8_t> bytes, uint64_t number) {
  Node node;
  node.counter = number;
  node.flags = kChunkStart;
  while (bytes.size() > kBlockBytes) {
    node.block = wordsOf(bytes.first(kBlockBytes));
    node.length = kBlockBytes;
    node.chaining = node.compress();
    node.flags = 0;
    bytes = bytes.subspan(kBlockBytes);
  }
  node.block = wordsOf(bytes);
  node.length = static_cast<uint32_t>(bytes.size());
  node.flags |= kChunkEnd;
  return node;
}

// Of chunks numbered from `first` on: the left subtree has the largest power of two of chunks that
// leaves something for the right one. As deep as the logarithm of their number.
Node tree(std::span<const uint8_t> bytes, uint64_t first) {
  if (bytes.size() <= kChunkBytes) return chunk(bytes, first);
  const uint64_t left = std::bit_floor((bytes.size() - 1) / kChunkBytes);
  const Words8 one = tree(bytes.first(left * kChunkBytes), first).compress();
  const Words8 two = tree(bytes.subspan(left * kChunkBytes), first + left).compress();
  Node node;
  std::copy(one.begin(), one.end(), node.block.begin());
  std::copy(two.begin(), two.end(), node.block.begin() + 8);
  node.length = kBlockBytes;
  node.flags = kParent;
  return node;
}

}  // namespace

std::array<uint8_t, 32> blake3(std::span<const uint8_t> bytes) {
  const Words8 words = tree(bytes, 0).compress(kRoot);
  std::array<uint8_t, 32> sum{};
  for (size_t i = 0; i < sum.size(); ++i) {
    sum[i] = static_cast<uint8_t>(words[i / 4] >> (8 * (i % 4)));
  }
  return sum;
}

}  // namespace holdfast
