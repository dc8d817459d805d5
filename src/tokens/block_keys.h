// What engines hash beside the tokens of a block.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace holdfast {

// An image or the like within a block.
struct MediaKey {
  std::string identifier;
  int64_t offset = 0;  // of its first token from that of the block; negative: it began before

  friend bool operator==(const MediaKey&, const MediaKey&) = default;
};
// The digest of prompt embeddings.
struct BytesKey {
  std::string bytes;

  friend bool operator==(const BytesKey&, const BytesKey&) = default;
};
// As an event carries it, untagged: text is the name of an adapter or a cache salt.
using ExtraKey = std::variant<std::string, MediaKey, BytesKey>;

}  // namespace holdfast
