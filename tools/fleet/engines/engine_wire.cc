#include "fleet/engines/engine_wire.h"

namespace holdfast::fleet {

void BatchEncoder::text(std::string_view value) {
  pack_.pack_str(static_cast<uint32_t>(value.size()));
  pack_.pack_str_body(value.data(), static_cast<uint32_t>(value.size()));
}

void BatchEncoder::key(std::string_view name) {
  text(name);
}

void BatchEncoder::hash(uint64_t value) {
  if (kind_ == EngineKind::kVllm) {
    pack_.pack_uint64(value);
  } else {
    pack_.pack_int64(static_cast<int64_t>(value));
  }
}

void BatchEncoder::beginEvent(uint32_t fields, std::string_view type) {
  ++events_;
  pack_.pack_map(fields);
  key("type");
  text(type);
}

void BatchEncoder::stored(const StoredRun& run) {
  const bool vllm = kind_ == EngineKind::kVllm;
  beginEvent(vllm ? 9 : 7, "BlockStored");
  key("block_hashes");
  pack_.pack_array(static_cast<uint32_t>(run.hashes.size()));
  for (const uint64_t one : run.hashes) hash(one);
  key("parent_block_hash");
  if (run.parent) {
    hash(*run.parent);
  } else {
    pack_.pack_nil();
  }
  key("token_ids");
  pack_.pack_array(static_cast<uint32_t>(run.tokens.size()));
  for (const uint32_t token : run.tokens) pack_.pack_uint32(token);
  key("block_size");
  pack_.pack_uint32(blockSize_);
  key("lora_id");
  pack_.pack_nil();
  key("medium");
  text("GPU");
  if (!vllm) return;
  key("lora_name");
  pack_.pack_nil();
  key("group_idx");
  pack_.pack_uint32(0);
}

void BatchEncoder::removed(std::span<const uint64_t> hashes) {
  const bool vllm = kind_ == EngineKind::kVllm;
  const size_t ofEvent = vllm ? 1 : hashes.size();
  for (size_t from = 0; from < hashes.size(); from += ofEvent) {
    beginEvent(vllm ? 4 : 3, "BlockRemoved");
    key("block_hashes");
    pack_.pack_array(static_cast<uint32_t>(ofEvent));
    for (const uint64_t one : hashes.subspan(from, ofEvent)) hash(one);
    key("medium");
    text("GPU");
    if (!vllm) continue;
    key("group_idx");
    pack_.pack_uint32(0);
  }
}

void BatchEncoder::cleared() {
  beginEvent(1, "AllBlocksCleared");
}

std::string BatchEncoder::finish(double time) {
  msgpack::sbuffer whole;
  msgpack::packer<msgpack::sbuffer> pack(whole);
  pack.pack_array(3);
  pack.pack_double(time);
  pack.pack_array(events_);
  whole.write(body_.data(), body_.size());
  pack.pack_uint32(rank_);
  body_.clear();
  events_ = 0;
  return {whole.data(), whole.size()};
}

}  // namespace holdfast::fleet
