#include "gateways/engine_events/sample.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "gateways/engine_events/decoder.h"
#include "gateways/engine_events/msgpack_reader.h"

namespace holdfast::engines {
namespace {

using Keys = std::vector<ExtraKey>;

BlockHash asPublished(const Details::Hash& hash) {
  if (hash.bytes.empty()) return BlockHash::ofInteger(hash.integer);
  return BlockHash::ofBytes(
      {reinterpret_cast<const uint8_t*>(hash.bytes.data()), hash.bytes.size()});
}

// A text, bytes, or an identifier with an offset.
bool readKey(MsgpackReader& reader, Keys& keys) {
  std::string_view text;
  if (reader.text(text)) {
    keys.emplace_back(std::string(text));
    return true;
  }
  if (reader.bytes(text)) {
    keys.emplace_back(BytesKey{std::string(text)});
    return true;
  }
  uint32_t parts = 0;
  uint64_t offset = 0;
  bool negative = false;
  if (!reader.array(parts) || parts != 2 || !reader.text(text) ||
      !reader.integer(offset, negative)) {
    return false;
  }
  keys.emplace_back(
      MediaKey{.identifier = std::string(text), .offset = static_cast<int64_t>(offset)});
  return true;
}

// Of each of the first `blocks`.
bool readKeys(std::string_view bytes, size_t blocks, std::vector<Keys>& all) {
  MsgpackReader reader(bytes);
  uint32_t left = 0;
  if (!reader.array(left)) return false;
  for (; left != 0 && all.size() < blocks; --left) {
    Keys& keys = all.emplace_back();
    uint32_t items = 0;
    if (reader.nil()) continue;
    if (!reader.array(items)) return false;
    for (; items != 0; --items) {
      if (!readKey(reader, keys)) return false;
    }
  }
  return true;
}

}  // namespace

std::optional<StoredBlocks> sampleOf(const EngineSource& source, const Event& event,
                                     Details& details) {
  if (event.tokens == 0 || !detailsOf(event, details) || details.tokens.empty()) {
    return std::nullopt;
  }
  const size_t blocks = std::min(details.hashes.size(), kBlocksPerSampleMax);
  const size_t tokens = std::min(details.tokens.size(), blocks * event.blockSize);
  StoredBlocks sample{.model = source.model,
                      .source = {source.name.instance, source.name.rank},
                      .blockSize = event.blockSize};
  sample.medium = event.medium;
  if (details.parent) sample.parent = asPublished(*details.parent);
  sample.tokens.assign(details.tokens.begin(),
                       details.tokens.begin() + static_cast<ptrdiff_t>(tokens));
  for (size_t i = 0; i < blocks; ++i) sample.hashes.push_back(asPublished(details.hashes[i]));
  sample.loraName = details.loraName;
  sample.loraId = details.loraId;
  sample.cacheSalt = details.cacheSalt;
  if (!details.extraKeys.empty() && !readKeys(details.extraKeys, blocks, sample.extraKeys)) {
    return std::nullopt;
  }
  return sample;
}

}  // namespace holdfast::engines
