// How a write batch begins, in RocksDB's logs as in its memory: the number of its first write, u64,
// and how many there are, u32, little-endian. Through all logs of a store the numbers go up by one,
// so that a hole shows, and a log that is not ours.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace holdfast {

static_assert(std::endian::native == std::endian::little);

inline constexpr size_t kBatchHeadBytes = sizeof(uint64_t) + sizeof(uint32_t);

struct BatchHead {
  uint64_t first = 0;
  uint32_t count = 0;

  uint64_t next() const { return first + count; }  // number of the write that must follow
};

// `bytes` has kBatchHeadBytes and more.
inline BatchHead batchHead(std::string_view bytes) {
  BatchHead head;
  std::memcpy(&head.first, bytes.data(), sizeof(head.first));
  std::memcpy(&head.count, bytes.data() + sizeof(head.first), sizeof(head.count));
  return head;
}

}  // namespace holdfast
