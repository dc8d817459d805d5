// KV events as engines encode them: MessagePack of a batch, one for each step of an engine.
//
// vLLM 0.33 and SGLang 0.5.23 write [time, events, data-parallel rank], each event a map with
// "type". They differ in how they write hashes (unsigned; signed) and in that vLLM has one
// BlockRemoved for each hash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <msgpack.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "fleet/engines/engine_kind.h"

namespace holdfast::fleet {

// Blocks that follow each other in a prompt.
struct StoredRun {
  std::optional<uint64_t> parent;  // nothing: it begins the prompt
  std::span<const uint64_t> hashes;
  std::span<const uint32_t> tokens;  // of all of them
};

class BatchEncoder {
 public:
  BatchEncoder(EngineKind kind, uint32_t blockSize, uint32_t rank)
      : kind_(kind), blockSize_(blockSize), rank_(rank) {}

  void stored(const StoredRun& run);
  void removed(std::span<const uint64_t> hashes);
  void cleared();

  bool empty() const { return events_ == 0; }
  // The batch; the next one begins. `time`: seconds since 1970.
  std::string finish(double time);

 private:
  void beginEvent(uint32_t fields, std::string_view type);
  void key(std::string_view name);
  void hash(uint64_t value);
  void text(std::string_view value);

  const EngineKind kind_;
  const uint32_t blockSize_;
  const uint32_t rank_;
  uint32_t events_ = 0;
  msgpack::sbuffer body_;
  msgpack::packer<msgpack::sbuffer> pack_{body_};
};

}  // namespace holdfast::fleet
