// What all codecs of records share: a record is a Cap'n Proto message of one segment, without a
// segment table. For the files of this folder.
#pragma once

#include <capnp/any.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <kj/exception.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/check.h"
#include "core/registry_store.h"
#include "format/traversal.h"
#include "format/words.h"
#include "schema/storage.capnp.h"

namespace holdfast::record_message {

inline constexpr size_t kPointerWords = 1;

inline std::string_view text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}
inline capnp::Text::Reader text(const std::string& value) {
  return {value.data(), value.size()};
}

inline void setDigest(schema::KeyDigest::Builder to, const KeyDigest& from) {
  to.setA(from.a);
  to.setB(from.b);
}
inline KeyDigest getDigest(schema::KeyDigest::Reader from) {
  return {from.getA(), from.getB()};
}

inline std::string bytesOf(capnp::MessageBuilder& message) {
  const auto segments = message.getSegmentsForOutput();
  HOLDFAST_CHECK(segments.size() == 1, "a record grew into %zu segments", segments.size());
  const auto bytes = segments[0].asBytes();
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

// Builds a record in one segment: `words` is a bound of its size.
template <typename Schema, typename Fill>
std::string encode(size_t words, Fill fill) {
  capnp::MallocMessageBuilder message(static_cast<unsigned>(words),
                                      capnp::AllocationStrategy::FIXED_SIZE);
  fill(message.initRoot<Schema>());
  return bytesOf(message);
}

inline size_t wordsOfBytes(size_t bytes) {
  return bytes / 8 + 1;
}

// Runs `read` over the root of the message in `words`; nothing if that is damaged.
template <typename Schema, typename Read>
auto decode(std::span<const uint64_t> words, Read read)
    -> std::optional<decltype(read(std::declval<typename Schema::Reader>()))> {
  static_assert(sizeof(capnp::word) == sizeof(uint64_t));
  std::optional<decltype(read(std::declval<typename Schema::Reader>()))> result;
  const auto exception = kj::runCatchingExceptions([&] {
    const kj::ArrayPtr<const capnp::word> segment(
        reinterpret_cast<const capnp::word*>(words.data()), words.size());
    capnp::SegmentArrayMessageReader message(kj::arrayPtr(&segment, 1),
                                             readerOptionsFor(words.size()));
    result = read(message.getRoot<Schema>());
  });
  if (exception != nullptr) return std::nullopt;
  return result;
}

template <typename Schema, typename Read>
auto decode(std::string_view value, Read read) {
  std::vector<uint64_t> scratch;
  const auto words = alignedWords(value, scratch);
  using Decoded = decltype(decode<Schema>(*words, read));
  return words ? decode<Schema>(*words, read) : Decoded();
}

// In place: a segment or journal is most of what recovery reads.
inline std::span<const ChunkHash> keysOf(capnp::List<uint64_t>::Reader list) {
  const auto bytes = capnp::AnyList::Reader(list).getRawBytes();
  if (bytes.size() != list.size() * sizeof(ChunkHash)) return {};
  return {reinterpret_cast<const ChunkHash*>(bytes.begin()), list.size()};
}

}  // namespace holdfast::record_message
