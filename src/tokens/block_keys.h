// What engines hash beside the tokens of a block.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace holdfast {

// An image or the like within a block.
struct MediaKey {
  std::string identifier;
  int64_t offset = 0;  // of its first token from that of the block; negative: it began before
  // Its identifier is the same Python object as that of the one before it: pickle shows that,
  // events do not.
  bool sameObject = false;

  friend bool operator==(const MediaKey&, const MediaKey&) = default;
};
// The digest of prompt embeddings.
struct BytesKey {
  std::string bytes;

  friend bool operator==(const BytesKey&, const BytesKey&) = default;
};
// As an event carries it, untagged: text is the name of an adapter or a cache salt.
using ExtraKey = std::variant<std::string, MediaKey, BytesKey>;

// What is hashed with each block of a prompt. Refers to what belongs to whoever asks.
struct PromptKeys {
  std::string_view lora = {};      // the adapter's name; empty: none
  std::string_view loraPath = {};  // where the engine loaded it from; empty: unknown
  std::optional<int64_t> loraId = {};
  std::string_view salt = {};      // empty: none
  std::string_view extraKey = {};  // SGLang's; empty: none

  bool empty() const { return lora.empty() && !loraId && salt.empty() && extraKey.empty(); }
};

// And what with one block only.
struct BlockKeys {
  std::span<const MediaKey> media = {};  // in the order of the prompt
  std::string_view embeddings = {};      // a digest; empty: none
};

}  // namespace holdfast
