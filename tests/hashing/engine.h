// An engine that stores prompts and says so, under a profile. Its hashes are BlockHasher's, which
// tests/tokens compares with those of the engines' packages.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hashing/stored_blocks.h"
#include "tokens/block_hasher.h"

namespace holdfast::test {

class Engine {
 public:
  Engine(std::string instance, HashProfile profile, bool whole = false)
      : hasher_(std::move(profile)), source_{std::move(instance), 0}, whole_(whole) {}

  // The event of a new prompt of so many blocks, never the same one again.
  StoredBlocks prompt(size_t blocks, const PromptKeys& keys = {}, const BlockKeys& first = {}) {
    last_ = hasher_.begin(keys);
    StoredBlocks event = next(blocks, keys, first, true);
    event.parent.reset();
    return event;
  }
  // That of what follows the last one.
  StoredBlocks more(size_t blocks, const PromptKeys& keys = {}) {
    return next(blocks, keys, {}, false);
  }

  const WorkerName& source() const { return source_; }

 private:
  StoredBlocks next(size_t blocks, const PromptKeys& keys, const BlockKeys& first, bool begins) {
    StoredBlocks event{.model = "llama",
                       .source = source_,
                       .medium = "GPU",
                       .blockSize = hasher_.profile().blockSize,
                       .parent = published_};
    event.loraName = keys.lora;
    event.loraId = keys.loraId;
    for (size_t i = 0; i < blocks; ++i) {
      const size_t at = event.tokens.size();
      for (uint32_t j = 0; j < event.blockSize; ++j) event.tokens.push_back(draw());
      last_ =
          hasher_.next(last_, begins && i == 0, std::span<const uint32_t>(event.tokens).subspan(at),
                       keys, i == 0 ? first : BlockKeys());
      published_ = whole_ ? last_ : BlockHash::ofInteger(hasher_.published(last_, keys));
      event.hashes.push_back(published_);
    }
    return event;
  }
  uint32_t draw() {
    seed_ = seed_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>((seed_ >> 33) % 200'000);
  }

  BlockHasher hasher_;
  WorkerName source_;
  bool whole_;
  BlockHash last_;
  BlockHash published_ = BlockHash::ofInteger(0);
  uint64_t seed_ = 1;
};

}  // namespace holdfast::test
