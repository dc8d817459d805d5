#include "migrations/0002_segments.h"

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "schema/storage.capnp.h"

namespace holdfast::format2 {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr size_t kSegmentKeysMax = 65536;
// Far above a segment, far below a runaway size.
constexpr uint64_t kSegmentWordsMax = uint64_t{1} << 20;

uint32_t widthOf(std::span<const uint64_t> keys) {
  uint64_t all = 1;
  for (size_t i = 1; i < keys.size(); ++i) all |= keys[i] - keys[i - 1];
  return static_cast<uint32_t>((std::bit_width(all) + 7) / 8);
}

}  // namespace

std::optional<std::vector<uint64_t>> plainKeys(std::string_view segment) {
  if (segment.empty() || segment.size() % sizeof(uint64_t) != 0) return std::nullopt;
  std::vector<uint64_t> words(segment.size() / sizeof(uint64_t));
  std::memcpy(words.data(), segment.data(), segment.size());
  std::vector<uint64_t> keys;
  const auto exception = kj::runCatchingExceptions([&] {
    const kj::ArrayPtr<const capnp::word> message(
        reinterpret_cast<const capnp::word*>(words.data()), words.size());
    capnp::ReaderOptions options;
    options.traversalLimitInWords = kSegmentWordsMax;
    capnp::SegmentArrayMessageReader reader(kj::arrayPtr(&message, 1), options);
    const auto record = reader.getRoot<schema::SegmentRecord>();
    if (record.getWidth() != 0) return;
    const auto hashes = record.getHashes();
    keys.reserve(hashes.size());
    for (const uint64_t key : hashes) keys.push_back(key);
  });
  const bool ascend =
      std::adjacent_find(keys.begin(), keys.end(), std::greater_equal<>()) == keys.end();
  if (exception != nullptr || keys.empty() || keys.size() > kSegmentKeysMax || !ascend) {
    return std::nullopt;
  }
  return keys;
}

std::string packedSegment(std::span<const uint64_t> keys) {
  const uint32_t width = widthOf(keys);
  const size_t bytes = (keys.size() - 1) * width;
  capnp::MallocMessageBuilder message(static_cast<unsigned>(bytes / sizeof(uint64_t) + 16));
  auto record = message.initRoot<schema::SegmentRecord>();
  record.setFirst(keys.front());
  record.setWidth(static_cast<uint8_t>(width));
  auto differences = record.initDifferences(static_cast<unsigned>(bytes));
  for (size_t i = 1; i < keys.size(); ++i) {
    const uint64_t difference = keys[i] - keys[i - 1];
    std::memcpy(differences.begin() + (i - 1) * width, &difference, width);
  }
  const auto segments = message.getSegmentsForOutput();
  const auto words = segments[0].asBytes();
  return {reinterpret_cast<const char*>(words.begin()), words.size()};
}

}  // namespace holdfast::format2
