// The names of events and of their fields, and the order of fields where events are arrays.
#pragma once

#include <cstdint>
#include <string_view>

#include "gateways/engine_events/events.h"
#include "gateways/engine_events/msgpack_reader.h"

namespace holdfast::engines {

enum class EventType : uint8_t { kStored, kRemoved, kCleared, kUnknown };

enum class Field : uint8_t {
  kType,
  kHashes,
  kParent,
  kTokens,
  kBlockSize,
  kLoraId,
  kMedium,
  kLoraName,
  kExtraKeys,
  kGroup,
  kGroupKind,
  kCacheSalt,
  kKnown,    // known and of no use here
  kUnknown,  // or of another item than a text
};

EventType typeNamed(std::string_view name);
EventKind kindOf(EventType type);  // of one that is known
Field fieldNamed(std::string_view name);
std::string_view nameOf(Field field);  // for errors

// The fields of an event that is an array, one after the other.
class FieldsInOrder {
 public:
  explicit FieldsInOrder(EventType type) : type_(type) {}
  // `kind`: of the item there, which decides where versions differ.
  Field next(MsgpackReader::Kind kind);

 private:
  EventType type_;
  uint32_t at_ = 0;
  bool kindSeen_ = false;
};

}  // namespace holdfast::engines
