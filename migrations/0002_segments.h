// Segments as format 2 has them, and as format 1 had them: the codec of that step, which stays as
// it is whatever later formats make of segments.
//
// A segment is the root of a Cap'n Proto message of one segment, schema/storage.capnp's
// SegmentRecord. Format 1 has its keys as they are, in `hashes`. Format 2 has the first one in
// `first`, and the differences from each to the next in `differences`, `width` bytes each,
// little-endian; `width` is 1 to 8, as few as the largest difference needs.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::format2 {

// The keys of a segment of format 1, distinct and ascending. Nothing if it is of format 2 already,
// or damaged.
std::optional<std::vector<uint64_t>> plainKeys(std::string_view segment);

// The segment of format 2. `keys`: 1 to 65,536, distinct and ascending.
std::string packedSegment(std::span<const uint64_t> keys);

}  // namespace holdfast::format2
