#include "gateways/engine_events/decoder.h"

#include <limits>

#include "core/ids.h"
#include "gateways/engine_events/event_fields.h"
#include "gateways/engine_events/msgpack_reader.h"

namespace holdfast::engines {
namespace {

using Kind = MsgpackReader::Kind;

// Where a digest is published whole: vLLM's xxhash has 16 bytes, its others 32.
constexpr size_t kHashBytesMin = 8;
constexpr size_t kHashBytesMax = 64;

bool hashOf(MsgpackReader& reader, Details::Hash& hash) {
  bool negative = false;
  if (reader.integer(hash.integer, negative)) {
    hash.bytes = {};
    return true;
  }
  if (!reader.bytes(hash.bytes)) return false;
  if (hash.bytes.size() < kHashBytesMin || hash.bytes.size() > kHashBytesMax) return false;
  hash.integer = 0;
  for (const char byte : hash.bytes.substr(hash.bytes.size() - 8)) {
    hash.integer = hash.integer << 8 | static_cast<uint8_t>(byte);
  }
  return true;
}

bool optionalText(MsgpackReader& reader, std::string_view& value) {
  return reader.nil() || reader.text(value);
}

// A number that is not said is left as it is.
bool optionalNumber(MsgpackReader& reader, std::optional<uint32_t>& value) {
  if (reader.nil()) return true;
  uint64_t read = 0;
  bool negative = false;
  if (!reader.integer(read, negative) || negative || read > std::numeric_limits<uint32_t>::max()) {
    return false;
  }
  value = static_cast<uint32_t>(read);
  return true;
}

// Gives each field of an event, in any order and either form, to `take(field, reader)`, which reads
// one item. False: it could not, or the event is cut off; `field` is where.
template <typename Take>
bool eachField(MsgpackReader& reader, EventType& type, Field& field, uint32_t& unknown,
               Take&& take) {
  uint32_t left = 0;
  field = Field::kType;
  if (reader.array(left)) {
    std::string_view name;
    if (left == 0 || !reader.text(name)) return false;
    type = typeNamed(name);
    FieldsInOrder order(type);
    for (; left > 1; --left) {
      field = order.next(reader.peek());
      if (field == Field::kUnknown ? !reader.skip() : !take(field, reader)) return false;
    }
    return true;
  }
  if (!reader.map(left)) return false;
  bool typed = false;
  for (; left != 0; --left) {
    std::string_view name;
    field = Field::kUnknown;
    if (!reader.text(name)) return false;
    field = fieldNamed(name);
    if (field == Field::kType) {
      if (!reader.text(name)) return false;
      type = typeNamed(name);
      typed = true;
    } else if (field == Field::kUnknown) {
      ++unknown;
      if (!reader.skip()) return false;
    } else if (!take(field, reader)) {
      return false;
    }
  }
  field = Field::kType;
  return typed;
}

class BatchReader {
 public:
  BatchReader(std::string_view payload, Batch& batch)
      : payload_(payload), reader_(payload), batch_(batch) {}

  std::optional<Error> read();

 private:
  bool event();
  bool field(Field field, MsgpackReader& reader, Event& event);
  bool hashes(MsgpackReader& reader, Event& event);
  bool tokens(MsgpackReader& reader, Event& event);
  Error wrong(const std::string& what) const {
    return {ErrorCode::kInvalid, what + " at byte " + std::to_string(reader_.position())};
  }

  std::string_view payload_;
  MsgpackReader reader_;
  Batch& batch_;
  Field field_ = Field::kType;
  bool hasHashes_ = false;
};

std::optional<Error> BatchReader::read() {
  batch_.events.clear();
  batch_.hashes.clear();
  batch_.rank.reset();
  batch_.unknownEvents = batch_.unknownFields = 0;
  uint32_t parts = 0;
  if (!reader_.array(parts) || parts < 2) return wrong("no list of a time and events");
  if (!reader_.skip()) return wrong("no time");
  uint32_t left = 0;
  if (!reader_.array(left)) return wrong("no list of events");
  for (; left != 0; --left) {
    if (!event()) return wrong("an event whose " + std::string(nameOf(field_)) + " is not one");
  }
  if (parts > 2 && !optionalNumber(reader_, batch_.rank)) return wrong("no data-parallel rank");
  for (; parts > 3; --parts) {
    if (!reader_.skip()) return wrong("what follows the rank is cut off");
  }
  if (!reader_.atEnd()) return wrong("more follows the message");
  return std::nullopt;
}

bool BatchReader::event() {
  Event event;
  const size_t begin = reader_.position();
  const size_t hashes = batch_.hashes.size();
  EventType type = EventType::kUnknown;
  hasHashes_ = false;
  event.begins = true;
  if (!eachField(
          reader_, type, field_, batch_.unknownFields,
          [&](Field field, MsgpackReader& reader) { return this->field(field, reader, event); })) {
    return false;
  }
  if (type == EventType::kUnknown) {
    ++batch_.unknownEvents;
    batch_.hashes.resize(hashes);
    return true;
  }
  event.kind = kindOf(type);
  if (event.kind == EventKind::kCleared) {
    batch_.hashes.resize(hashes);
    event.hashes = 0;
  } else if (!hasHashes_) {
    field_ = Field::kHashes;
    return false;
  }
  event.bytes = payload_.substr(begin, reader_.position() - begin);
  batch_.events.push_back(event);
  return true;
}

bool BatchReader::field(Field field, MsgpackReader& reader, Event& event) {
  switch (field) {
    case Field::kHashes:
      return hashes(reader, event);
    case Field::kParent:
      event.begins = reader.peek() == Kind::kNil;
      return reader.skip();
    case Field::kTokens:
      return tokens(reader, event);
    case Field::kMedium:
      return optionalText(reader, event.medium);
    case Field::kGroup:
      return optionalNumber(reader, event.group);
    case Field::kGroupKind:
      return optionalText(reader, event.groupKind);
    case Field::kBlockSize: {
      std::optional<uint32_t> size;
      if (!optionalNumber(reader, size)) return false;
      event.blockSize = size.value_or(0);
      return true;
    }
    default:
      return reader.skip();
  }
}

bool BatchReader::hashes(MsgpackReader& reader, Event& event) {
  uint32_t left = 0;
  if (!reader.array(left)) return false;
  hasHashes_ = true;
  event.firstHash = static_cast<uint32_t>(batch_.hashes.size());
  event.hashes = left;
  Details::Hash hash;
  for (; left != 0; --left) {
    if (!hashOf(reader, hash)) return false;
    batch_.hashes.push_back(hash.integer);
  }
  return true;
}

bool BatchReader::tokens(MsgpackReader& reader, Event& event) {
  if (reader.nil()) return true;
  uint32_t left = 0;
  if (!reader.array(left)) return false;
  event.tokens = left;
  for (; left != 0; --left) {
    if (!reader.skip()) return false;
  }
  return true;
}

bool readTokens(MsgpackReader& reader, std::vector<uint32_t>& tokens) {
  if (reader.nil()) return true;
  uint32_t left = 0;
  if (!reader.array(left)) return false;
  bool usable = true;
  for (; left != 0; --left) {
    uint64_t token = 0;
    bool negative = false;
    if (!reader.integer(token, negative)) {
      if (!reader.skip()) return false;
      usable = false;
    }
    usable = usable && !negative && token <= std::numeric_limits<uint32_t>::max();
    if (usable) tokens.push_back(static_cast<uint32_t>(token));
  }
  if (!usable) tokens.clear();
  return true;
}

bool readHashes(MsgpackReader& reader, std::vector<Details::Hash>& hashes) {
  uint32_t left = 0;
  if (!reader.array(left)) return false;
  for (; left != 0; --left) {
    if (!hashOf(reader, hashes.emplace_back())) return false;
  }
  return true;
}

bool readDetail(Field field, MsgpackReader& reader, Details& details, std::string_view bytes) {
  switch (field) {
    case Field::kHashes:
      return readHashes(reader, details.hashes);
    case Field::kParent:
      if (reader.nil()) return true;
      return hashOf(reader, details.parent.emplace(Details::Hash{}));
    case Field::kTokens:
      return readTokens(reader, details.tokens);
    case Field::kLoraId: {
      if (reader.nil()) return true;
      uint64_t id = 0;
      bool negative = false;
      if (!reader.integer(id, negative)) return false;
      details.loraId = static_cast<int64_t>(id);
      return true;
    }
    case Field::kLoraName:
      return optionalText(reader, details.loraName);
    case Field::kCacheSalt:
      return optionalText(reader, details.cacheSalt);
    case Field::kExtraKeys: {
      if (reader.nil()) return true;
      const size_t begin = reader.position();
      if (!reader.skip()) return false;
      details.extraKeys = bytes.substr(begin, reader.position() - begin);
      return true;
    }
    default:
      return reader.skip();
  }
}

}  // namespace

std::optional<Error> decode(std::string_view payload, Batch& batch) {
  if (payload.size() > kPayloadBytesMax) {
    return Error{ErrorCode::kInvalid, "a message of " + std::to_string(payload.size()) +
                                          " bytes, at most " + std::to_string(kPayloadBytesMax) +
                                          " are read"};
  }
  return BatchReader(payload, batch).read();
}

bool detailsOf(const Event& event, Details& details) {
  details = {};
  MsgpackReader reader(event.bytes);
  EventType type = EventType::kUnknown;
  Field field = Field::kType;
  uint32_t unknown = 0;
  return eachField(reader, type, field, unknown, [&](Field named, MsgpackReader& at) {
    return readDetail(named, at, details, event.bytes);
  });
}

}  // namespace holdfast::engines
