#include "hashing/trial.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast {
namespace {

constexpr size_t kIntegerBytes = 8;

bool isHashSize(size_t bytes) {
  return bytes == kIntegerBytes || bytes == 16 || bytes == 32;
}

size_t bytesOf(const ExtraKey& key) {
  if (const auto* text = std::get_if<std::string>(&key)) return text->size();
  if (const auto* media = std::get_if<MediaKey>(&key)) return media->identifier.size();
  return std::get<BytesKey>(key).bytes.size();
}

// The keys of one event as one family's engines hash them.
class KeysOfEvent {
 public:
  KeysOfEvent(const StoredBlocks& blocks, const HashProfile& profile) : blocks_(blocks) {
    const HashFamily family = factsOf(profile.scheme).family;
    prompt_.lora = blocks.loraName;
    if (family == HashFamily::kSglang) {
      prompt_.salt = blocks.cacheSalt;
      computable_ = !blocks.loraId || !blocks.loraName.empty();
    } else if (family == HashFamily::kVllm) {
      hasBlockKeys_ = true;
      if (profile.untagged) {
        prompt_.loraId = blocks.loraId;
      } else {
        computable_ = !blocks.loraId || !blocks.loraName.empty();
      }
    }
  }

  const PromptKeys& prompt() const { return prompt_; }
  bool computable() const { return computable_; }

  // Nothing: pickle writes them in a way that events do not tell.
  std::optional<BlockKeys> ofBlock(size_t index) {
    media_.clear();
    prompt_.salt = hasBlockKeys_ ? std::string_view() : prompt_.salt;
    BlockKeys keys;
    if (!hasBlockKeys_ || index >= blocks_.extraKeys.size()) return keys;
    bool adapterSeen = prompt_.lora.empty();
    for (const ExtraKey& key : blocks_.extraKeys[index]) {
      if (const auto* text = std::get_if<std::string>(&key)) {
        if (!adapterSeen && *text == prompt_.lora) {
          adapterSeen = true;
        } else {
          prompt_.salt = *text;
        }
      } else if (const auto* media = std::get_if<MediaKey>(&key)) {
        const bool twin = std::any_of(media_.begin(), media_.end(), [&](const MediaKey& one) {
          return one.identifier == media->identifier;
        });
        if (twin) return std::nullopt;
        media_.push_back(*media);
      } else {
        keys.embeddings = std::get<BytesKey>(key).bytes;
      }
    }
    keys.media = media_;
    return keys;
  }

 private:
  const StoredBlocks& blocks_;
  PromptKeys prompt_;
  bool computable_ = true;
  bool hasBlockKeys_ = false;
  std::vector<MediaKey> media_;
};

}  // namespace

const char* malformed(const StoredBlocks& blocks) {
  if (blocks.blockSize < 1 || blocks.blockSize > HashProfile::kBlockSizeMax) {
    return "its block size is not stated, or larger than any engine's";
  }
  if (blocks.hashes.empty() || blocks.hashes.size() > kBlocksPerSampleMax) return "no blocks";
  if (blocks.tokens.size() != size_t{blocks.blockSize} * blocks.hashes.size()) {
    return "its tokens are not as many as its blocks have";
  }
  const size_t size = blocks.hashes.front().size;
  const bool alike = std::all_of(blocks.hashes.begin(), blocks.hashes.end(),
                                 [size](const BlockHash& hash) { return hash.size == size; });
  if (!alike || !isHashSize(size) || (blocks.parent && !isHashSize(blocks.parent->size))) {
    return "its hashes have 8, 16 or 32 bytes, all the same";
  }
  size_t keyBytes = blocks.loraName.size() + blocks.cacheSalt.size();
  for (const auto& keys : blocks.extraKeys) {
    for (const ExtraKey& key : keys) keyBytes += bytesOf(key);
  }
  if (keyBytes > BlockHasher::kKeyBytesMax) return "its extra keys are too long";
  return nullptr;
}

Trial tryProfile(BlockHasher& hasher, const StoredBlocks& blocks, const BlockHash* parent) {
  const HashProfile& profile = hasher.profile();
  const size_t chainBytes = factsOf(profile.scheme).bytes;
  const size_t size = blocks.hashes.front().size;
  const bool whole = size == chainBytes;
  if (!whole && size != kIntegerBytes) return {.fit = Fit::kNo};
  KeysOfEvent keys(blocks, profile);
  if (!keys.computable() || hasher.refuses(keys.prompt())) return {};

  const bool begins = !blocks.parent;
  BlockHash before;
  if (begins) {
    before = hasher.begin(keys.prompt());
  } else if (blocks.parent->size == chainBytes) {
    before = *blocks.parent;
  } else if (parent != nullptr) {
    before = *parent;
  } else {
    return {};
  }
  const auto hashOf = [&](size_t i, const BlockHash& previous) -> std::optional<BlockHash> {
    const auto block = keys.ofBlock(i);
    if (!block) return std::nullopt;
    const auto tokens =
        std::span<const uint32_t>(blocks.tokens).subspan(i * blocks.blockSize, blocks.blockSize);
    return hasher.next(previous, begins && i == 0, tokens, keys.prompt(), *block);
  };
  const auto isPublished = [&](size_t i, const BlockHash& hash) {
    return whole ? hash == blocks.hashes[i]
                 : hasher.published(hash, keys.prompt()) == blocks.hashes[i].first64();
  };
  for (size_t i = 0; i < blocks.hashes.size(); ++i) {
    const auto hash = hashOf(i, before);
    if (!hash) return {};
    if (!isPublished(i, *hash)) {
      // With whole digests the next block tells whether it is only the beginning that differs.
      const bool tells = begins && i == 0 && whole && chainBytes > kIntegerBytes;
      if (tells && blocks.hashes.size() > 1) {
        const auto second = hashOf(1, blocks.hashes[0]);
        if (second && isPublished(1, *second)) return {.fit = Fit::kOtherRoot};
      }
      return {.fit = Fit::kNo};
    }
    before = *hash;
  }
  return {.fit = Fit::kYes, .last = before};
}

}  // namespace holdfast
