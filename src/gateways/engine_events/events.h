// What engines say of their prefix caches, decoded. Names are the wire's: vLLM 0.9 to 0.33, SGLang
// 0.5, and TensorRT-LLM as Dynamo relays it. Views refer to the payload.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace holdfast::engines {

enum class EventKind : uint8_t {
  kStored,   // BlockStored
  kRemoved,  // BlockRemoved
  kCleared,  // AllBlocksCleared
};

struct Event {
  EventKind kind = EventKind::kCleared;
  uint32_t firstHash = 0;  // in Batch::hashes
  uint32_t hashes = 0;
  std::string_view medium;        // as the engine names it; empty: it does not
  std::optional<uint32_t> group;  // of layers, of a hybrid model
  std::string_view groupKind;     // how these attend ("full_attention"); empty: not said
  uint32_t blockSize = 0;         // tokens; 0: not said
  uint32_t tokens = 0;            // how many there are
  bool begins = false;            // of a stored one: no block is before it
  std::string_view bytes;         // the event, for detailsOf()
};

// Reused from message to message.
struct Batch {
  std::vector<Event> events;  // without those of types that are not known
  // Of all events. Integers as two's complement; of byte strings the last 8 bytes, big-endian,
  // which is what vLLM publishes as an integer.
  std::vector<ChunkHash> hashes;
  std::optional<uint32_t> rank;  // data-parallel; not said by all
  uint32_t unknownEvents = 0;
  uint32_t unknownFields = 0;

  std::span<const ChunkHash> hashesOf(const Event& event) const {
    return std::span(hashes).subspan(event.firstHash, event.hashes);
  }
};

// What a stored event says beyond that, for whoever learns how it hashes. A hash as published: an
// integer as 8 bytes, big-endian; a byte string as it is, in the payload.
struct Details {
  struct Hash {
    uint64_t integer = 0;
    std::string_view bytes;  // empty: it is the integer
  };
  std::optional<Hash> parent;
  std::vector<Hash> hashes;
  std::vector<uint32_t> tokens;  // empty where one of them is no integer of 32 bits
  std::optional<int64_t> loraId;
  std::string_view loraName;
  std::string_view cacheSalt;
  std::string_view extraKeys;  // the MessagePack of the list; empty: there is none
};

}  // namespace holdfast::engines
