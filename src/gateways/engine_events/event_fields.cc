#include "gateways/engine_events/event_fields.h"

#include <array>
#include <utility>

namespace holdfast::engines {
namespace {

struct Named {
  std::string_view name;
  Field field;
};

// Those that come with most events first.
constexpr std::array<Named, 19> kFields{{
    {"type", Field::kType},
    {"block_hashes", Field::kHashes},
    {"medium", Field::kMedium},
    {"group_idx", Field::kGroup},
    {"parent_block_hash", Field::kParent},
    {"token_ids", Field::kTokens},
    {"block_size", Field::kBlockSize},
    {"lora_id", Field::kLoraId},
    {"lora_name", Field::kLoraName},
    {"extra_keys", Field::kExtraKeys},
    {"kv_cache_spec_kind", Field::kGroupKind},
    {"cache_salt", Field::kCacheSalt},
    {"kv_cache_spec_sliding_window", Field::kKnown},
    {"locality", Field::kKnown},
    {"ownership", Field::kKnown},
    {"session_id", Field::kKnown},
    {"lookahead_token_ids", Field::kKnown},
    {"block_mm_infos", Field::kKnown},
    {"attention_dp_rank", Field::kKnown},
}};

constexpr std::array<Field, 8> kStoredOrder = {Field::kHashes,    Field::kParent,   Field::kTokens,
                                               Field::kBlockSize, Field::kLoraId,   Field::kMedium,
                                               Field::kLoraName,  Field::kExtraKeys};
constexpr std::array<Field, 3> kRemovedOrder = {Field::kHashes, Field::kMedium, Field::kGroup};

}  // namespace

EventType typeNamed(std::string_view name) {
  if (name == "BlockRemoved") return EventType::kRemoved;
  if (name == "BlockStored") return EventType::kStored;
  if (name == "AllBlocksCleared") return EventType::kCleared;
  return EventType::kUnknown;
}

EventKind kindOf(EventType type) {
  if (type == EventType::kStored) return EventKind::kStored;
  return type == EventType::kRemoved ? EventKind::kRemoved : EventKind::kCleared;
}

Field fieldNamed(std::string_view name) {
  for (const Named& one : kFields) {
    if (one.name == name) return one.field;
  }
  return Field::kUnknown;
}

std::string_view nameOf(Field field) {
  for (const Named& one : kFields) {
    if (one.field == field) return one.name;
  }
  return "name of a field";
}

// Behind extra_keys some versions have the infos of multimodal blocks, others go on with the group:
// a number, then its kind, then a window.
Field FieldsInOrder::next(MsgpackReader::Kind kind) {
  const uint32_t at = at_++;
  if (type_ == EventType::kRemoved) {
    return at < kRemovedOrder.size() ? kRemovedOrder[at] : Field::kUnknown;
  }
  if (type_ != EventType::kStored) return Field::kUnknown;
  if (at < kStoredOrder.size()) return kStoredOrder[at];
  if (kind == MsgpackReader::Kind::kText) {
    kindSeen_ = true;
    return Field::kGroupKind;
  }
  return kind == MsgpackReader::Kind::kInteger && !kindSeen_ ? Field::kGroup : Field::kUnknown;
}

}  // namespace holdfast::engines
