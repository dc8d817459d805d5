// The tuple that vLLM and LMCache hash for a block, written by a Pickle or a cbor::Writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "tokens/block_keys.h"
#include "tokens/digest.h"

namespace holdfast::block_tuple {

template <typename Writer, typename Token>
void tokens(Writer& to, std::span<const Token> list) {
  to.beginTuple(list.size());
  for (const Token token : list) to.integer(uint64_t{token});
  to.endTuple(list.size());
}

template <typename Writer>
void pair(Writer& to, std::string_view tag, std::string_view value) {
  to.beginTuple(2);
  to.text(tag);
  to.text(value);
  to.endTuple(2);
}

// vLLM's since 0.12: each key is a tuple that begins with what it is.
template <typename Writer>
void taggedKeys(Writer& to, bool first, const PromptKeys& keys, const BlockKeys& block) {
  const bool salted = first && !keys.salt.empty();
  const size_t items = (keys.lora.empty() ? 0 : 1) + block.media.size() + (salted ? 1 : 0) +
                       (block.embeddings.empty() ? 0 : 1);
  if (items == 0) {
    to.none();
    return;
  }
  to.beginTuple(items);
  if (!keys.lora.empty()) {
    to.beginTuple(3);
    to.text("lora");
    to.text(keys.lora);
    to.text(keys.loraPath);
    to.endTuple(3);
  }
  size_t tag = 0;
  size_t identifier = 0;
  for (size_t i = 0; i < block.media.size(); ++i) {
    const MediaKey& media = block.media[i];
    to.beginTuple(3);
    if (i == 0) {
      tag = to.text("mm");
    } else {
      to.textAgain(tag, "mm");  // a literal: the same object each time
    }
    if (i != 0 && media.sameObject) {
      to.textAgain(identifier, media.identifier);
    } else {
      identifier = to.text(media.identifier);
    }
    to.integer(media.offset);
    to.endTuple(3);
  }
  if (salted) pair(to, "cache_salt", keys.salt);
  if (!block.embeddings.empty()) {
    to.beginTuple(2);
    to.text("prompt_embeds");
    to.bytes({reinterpret_cast<const uint8_t*>(block.embeddings.data()), block.embeddings.size()});
    to.endTuple(2);
  }
  to.endTuple(items);
}

// vLLM's up to 0.11.
template <typename Writer>
void untaggedKeys(Writer& to, bool first, const PromptKeys& keys, const BlockKeys& block) {
  const bool salted = first && !keys.salt.empty();
  const size_t items = (keys.loraId ? 1 : 0) + block.media.size() + (salted ? 1 : 0);
  if (items == 0) {
    to.none();
    return;
  }
  to.beginTuple(items);
  if (keys.loraId) to.integer(*keys.loraId);
  for (const MediaKey& media : block.media) to.text(media.identifier);
  if (salted) to.text(keys.salt);
  to.endTuple(items);
}

template <typename Writer, typename Token>
void ofVllm(Writer to, const BlockHash& before, std::span<const Token> list, bool untagged,
            bool first, const PromptKeys& keys, const BlockKeys& block) {
  to.beginTuple(3);
  to.bytes(before.view());
  tokens(to, list);
  if (untagged) {
    untaggedKeys(to, first, keys, block);
  } else {
    taggedKeys(to, first, keys, block);
  }
  to.endTuple(3);
  to.finish();
}

template <typename Writer, typename Token>
void ofLmcache(Writer to, uint64_t before, std::span<const Token> list) {
  to.beginTuple(3);
  to.integer(before);
  tokens(to, list);
  to.beginTuple(0);
  to.endTuple(0);
  to.endTuple(3);
  to.finish();
}

}  // namespace holdfast::block_tuple
