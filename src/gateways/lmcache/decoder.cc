#include "gateways/lmcache/decoder.h"

#include <simdjson.h>

#include <msgpack.hpp>
#include <utility>

#include "gateways/lmcache/report.h"

namespace holdfast::lmcache {
namespace {

// msgpack-c's parser tells it what it meets.
class MessagePackVisitor : public msgpack::null_visitor {
 public:
  explicit MessagePackVisitor(FieldReader& fields) : fields_(fields) {}

  bool visit_nil() { return inKey_ ? notAName() : fields_.null(); }
  bool visit_boolean(bool) { return inKey_ ? notAName() : fields_.other("a boolean"); }
  bool visit_positive_integer(uint64_t value) {
    return inKey_ ? notAName() : fields_.number(value, false);
  }
  bool visit_negative_integer(int64_t value) {
    return inKey_ ? notAName() : fields_.number(static_cast<uint64_t>(value), true);
  }
  bool visit_float32(float) { return inKey_ ? notAName() : fields_.other("no whole number"); }
  bool visit_float64(double) { return inKey_ ? notAName() : fields_.other("no whole number"); }
  bool visit_str(const char* text, uint32_t size) {
    return inKey_ ? fields_.key({text, size}) : fields_.text({text, size});
  }
  bool visit_bin(const char*, uint32_t) { return inKey_ ? notAName() : fields_.other("bytes"); }
  bool visit_ext(const char*, uint32_t) {
    return inKey_ ? notAName() : fields_.other("an extension");
  }
  bool start_array(uint32_t) { return inKey_ ? notAName() : fields_.openArray(); }
  bool end_array() { return fields_.close(); }
  bool start_map(uint32_t) { return inKey_ ? notAName() : fields_.openMap(); }
  bool end_map() { return fields_.close(); }
  bool start_map_key() {
    inKey_ = true;
    return true;
  }
  bool end_map_key() {
    inKey_ = false;
    return true;
  }
  void parse_error(size_t, size_t at) {
    malformed_ = "no MessagePack at byte " + std::to_string(at);
  }
  void insufficient_bytes(size_t, size_t at) {
    malformed_ = "cut off at byte " + std::to_string(at);
  }

  const std::string& malformed() const { return malformed_; }

 private:
  bool notAName() {
    malformed_ = "a key of a map that is no text";
    return false;
  }

  FieldReader& fields_;
  bool inKey_ = false;
  std::string malformed_;
};

// NOLINTNEXTLINE(misc-no-recursion): FieldReader bounds the depth.
bool tell(simdjson::dom::element element, FieldReader& fields) {
  switch (element.type()) {
    case simdjson::dom::element_type::OBJECT:
      if (!fields.openMap()) return false;
      for (const auto& [name, value] : simdjson::dom::object(element)) {
        if (!fields.key(name) || !tell(value, fields)) return false;
      }
      return fields.close();
    case simdjson::dom::element_type::ARRAY:
      if (!fields.openArray()) return false;
      for (const auto value : simdjson::dom::array(element)) {
        if (!tell(value, fields)) return false;
      }
      return fields.close();
    case simdjson::dom::element_type::STRING:
      return fields.text(std::string_view(element));
    case simdjson::dom::element_type::UINT64:
      return fields.number(uint64_t(element), false);
    case simdjson::dom::element_type::INT64: {
      const auto value = int64_t(element);
      return fields.number(static_cast<uint64_t>(value), value < 0);
    }
    case simdjson::dom::element_type::DOUBLE:
      return fields.other("no whole number");
    case simdjson::dom::element_type::BOOL:
      return fields.other("a boolean");
    case simdjson::dom::element_type::NULL_VALUE:
      return fields.null();
  }
  return false;
}

}  // namespace

struct Decoder::Json {
  simdjson::dom::parser parser{kPayloadBytesMax};
};

Decoder::Decoder() = default;
Decoder::~Decoder() = default;

bool Decoder::readMessagePack(std::string_view payload) {
  MessagePackVisitor visitor(fields_);
  size_t offset = 0;
  const bool read = msgpack::parse(payload.data(), payload.size(), offset, visitor);
  if (!read || !visitor.malformed().empty()) {
    malformed_ = visitor.malformed();
    return false;
  }
  if (offset == payload.size()) return true;
  malformed_ = std::to_string(payload.size() - offset) + " bytes follow the message";
  return false;
}

bool Decoder::readJson(std::string_view payload) {
  if (json_ == nullptr) json_ = std::make_unique<Json>();
  simdjson::dom::element root;
  if (const auto error = json_->parser.parse(payload.data(), payload.size()).get(root)) {
    malformed_ = std::string("no JSON: ") + simdjson::error_message(error);
    return false;
  }
  return tell(root, fields_);
}

Result<const Message*> Decoder::decode(std::string_view payload) {
  if (payload.size() > kPayloadBytesMax) {
    return Error{ErrorCode::kInvalid, "a message of " + std::to_string(payload.size()) +
                                          " bytes, at most " + std::to_string(kPayloadBytesMax) +
                                          " are read"};
  }
  if (readReport(payload, report_)) return &report_;
  fields_.begin();
  malformed_.clear();
  const bool read = payload.starts_with('{') ? readJson(payload) : readMessagePack(payload);
  if (read && fields_.end()) return &fields_.message();
  // What a field cannot be explains more than that parsing ended there.
  return Error{ErrorCode::kInvalid, fields_.error().empty() ? malformed_ : fields_.error()};
}

}  // namespace holdfast::lmcache
