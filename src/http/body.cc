#include "http/body.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <utility>

#include "core/ids.h"
#include "core/nearest_name.h"
#include "http/utf8.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

namespace od = simdjson::ondemand;

// How an error names a place: "instance", "prompts[3].tokens[17]".
struct Place {
  const Place* within = nullptr;  // null: the body itself
  std::string_view name = {};     // of a field; empty: an entry of a list
  size_t index = 0;

  std::string path() const {
    if (within == nullptr) return {};
    const std::string before = within->path();
    if (name.empty()) return before + "[" + std::to_string(index) + "]";
    return before.empty() ? std::string(name) : before + "." + std::string(name);
  }
};

Error wrong(const Place& place, const std::string& what) {
  const std::string path = place.path();
  return {ErrorCode::kInvalid,
          path.empty() ? "the body " + what : "field " + quotedForPeople(path) + " " + what};
}

bool isNull(od::value& value) {
  od::json_type type{};
  return value.type().get(type) == simdjson::SUCCESS && type == od::json_type::null;
}

std::string_view kindOf(od::value& value) {
  od::json_type type{};
  if (value.type().get(type) != simdjson::SUCCESS) return "no JSON";
  switch (type) {
    case od::json_type::array:
      return "a list";
    case od::json_type::object:
      return "an object";
    case od::json_type::number:
      return "a number";
    case od::json_type::string:
      return "a string";
    case od::json_type::boolean:
      return "true or false";
    case od::json_type::null:
      return "null";
  }
  return "no JSON";
}

Error unlike(const Place& place, std::string_view expected, od::value& value) {
  return wrong(place, "must be " + std::string(expected) + ", it is " + std::string(kindOf(value)));
}

std::string range(uint64_t min, uint64_t max) {
  return "a whole number from " + std::to_string(min) + " to " + std::to_string(max);
}

// A decimal number that fills the text, as two's complement if it is negative.
bool parseHash(std::string_view text, uint64_t& to) {
  const bool negative = text.starts_with('-');
  const char* end = text.data() + text.size();
  if (!negative) {
    const auto parsed = std::from_chars(text.data(), end, to);
    return parsed.ec == std::errc() && parsed.ptr == end;
  }
  int64_t value = 0;
  const auto parsed = std::from_chars(text.data(), end, value);
  to = static_cast<uint64_t>(value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

std::optional<Error> readHash(od::value value, const Place& place, uint64_t& to) {
  if (value.get_uint64().get(to) == simdjson::SUCCESS) return std::nullopt;
  int64_t negative = 0;
  if (value.get_int64().get(negative) == simdjson::SUCCESS) {
    to = static_cast<uint64_t>(negative);
    return std::nullopt;
  }
  std::string_view text;
  if (value.get_string().get(text) == simdjson::SUCCESS && parseHash(text, to)) return std::nullopt;
  return wrong(place, "must be a hash: a whole number of 64 bits, or one in a string");
}

// Reads one value into what the field names.
class ValueReader {
 public:
  ValueReader(od::value value, const Place& place) : value_(value), place_(place) {}

  std::optional<Error> operator()(bool* to) {
    if (value_.get_bool().get(*to) == simdjson::SUCCESS) return std::nullopt;
    return unlike(place_, "true or false", value_);
  }
  std::optional<Error> operator()(std::string* to) {
    std::string_view text;
    if (value_.get_string().get(text) != simdjson::SUCCESS)
      return unlike(place_, "a string", value_);
    to->assign(text);
    return std::nullopt;
  }
  std::optional<Error> operator()(double* to) {
    if (value_.get_double().get(*to) == simdjson::SUCCESS) return std::nullopt;
    return wrong(place_, "must be a number");
  }
  std::optional<Error> operator()(const Name& name) {
    uint64_t number = 0;
    std::string_view text;
    if (value_.get_string().get(text) == simdjson::SUCCESS) {
      name.to->assign(text);
    } else if (value_.get_uint64().get(number) == simdjson::SUCCESS) {
      *name.to = std::to_string(number);
    } else {
      return wrong(place_, "must be a string or a whole number");
    }
    return std::nullopt;
  }
  std::optional<Error> operator()(const Number& number) {
    uint64_t read = 0;
    if (value_.get_uint64().get(read) == simdjson::SUCCESS && read >= number.min &&
        read <= number.max) {
      *number.to = read;
      return std::nullopt;
    }
    return wrong(place_, "must be " + range(number.min, number.max));
  }
  std::optional<Error> operator()(const Hash& hash) { return readHash(value_, place_, *hash.to); }
  std::optional<Error> operator()(const Hashes& hashes) {
    return readList(hashes.max, [&](od::value entry, const Place& at) {
      return readHash(entry, at, hashes.to->emplace_back());
    });
  }
  std::optional<Error> operator()(const Numbers& numbers) {
    return readList(numbers.max, [&](od::value entry, const Place& at) -> std::optional<Error> {
      uint64_t read = 0;
      if (entry.get_uint64().get(read) != simdjson::SUCCESS || read > UINT32_MAX) {
        return wrong(at, "must be " + range(0, UINT32_MAX));
      }
      numbers.to->push_back(static_cast<uint32_t>(read));
      return std::nullopt;
    });
  }
  std::optional<Error> operator()(const Texts& texts) {
    return readList(texts.max, [&](od::value entry, const Place& at) {
      return ValueReader(entry, at)(&texts.to->emplace_back());
    });
  }
  std::optional<Error> operator()(const Objects& objects) {
    return readList(objects.max, [&](od::value entry, const Place& at) {
      return ValueReader(entry, at)(Object{objects.next});
    });
  }
  std::optional<Error> operator()(const Object& object);

 private:
  template <typename Read>
  std::optional<Error> readList(size_t max, Read read) {
    od::array list;
    if (value_.get_array().get(list) != simdjson::SUCCESS) return unlike(place_, "a list", value_);
    Place at{&place_};
    for (auto next : list) {
      if (at.index == max) {
        return wrong(place_, "has more than " + std::to_string(max) + " entries");
      }
      od::value entry;
      if (next.get(entry) != simdjson::SUCCESS) return wrong(at, "is malformed JSON");
      if (auto error = read(entry, at)) return error;
      ++at.index;
    }
    return std::nullopt;
  }

  od::value value_;
  const Place& place_;
};

Error unknownField(std::string_view name, const Place& place, const std::vector<Field>& fields) {
  std::vector<std::string> known;
  for (const Field& field : fields) known.emplace_back(field.name);
  std::string what = "has an unknown field " + quotedForPeople(name);
  if (const auto nearest = nearestName(name, known)) {
    what += "; did you mean " + quotedForPeople(*nearest) + "?";
  } else if (known.empty()) {
    what += "; none is expected";
  } else {
    std::string all;
    for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
    what += "; known are: " + all;
  }
  return wrong(place, what);
}

// The fields of an object, or of the document itself.
std::optional<Error> readFields(od::object object, const Place& place, std::vector<Field>& fields,
                                UnknownFields unknown = UnknownFields::kRefused) {
  std::vector<bool> seen(fields.size());
  for (auto next : object) {
    od::field entry;
    std::string_view name;
    if (std::move(next).get(entry) != simdjson::SUCCESS ||
        entry.unescaped_key().get(name) != simdjson::SUCCESS) {
      return wrong(place, "is malformed JSON");
    }
    const auto field = std::find_if(fields.begin(), fields.end(),
                                    [&](const Field& one) { return one.name == name; });
    if (field == fields.end()) {
      if (unknown == UnknownFields::kSkipped) continue;
      return unknownField(name, place, fields);
    }
    const auto number = static_cast<size_t>(field - fields.begin());
    const Place at{&place, field->name};
    if (seen[number]) return wrong(at, "is there twice");
    seen[number] = true;
    od::value value = entry.value();
    if (field->presence == Presence::kNullable && isNull(value)) continue;
    if (auto error = std::visit(ValueReader(value, at), field->to)) return error;
    if (field->given != nullptr) *field->given = true;
    field->presence = Presence::kOptional;
  }
  for (const Field& field : fields) {
    if (field.presence == kRequired) return wrong(Place{&place, field.name}, "is missing");
  }
  return std::nullopt;
}

std::optional<Error> ValueReader::operator()(const Object& object) {
  od::object read;
  if (value_.get_object().get(read) != simdjson::SUCCESS)
    return unlike(place_, "an object", value_);
  auto fields = object.fields();
  return readFields(read, place_, fields);
}

Error malformed(simdjson::error_code error, od::document& document, const kj::byte* begin) {
  std::string where;
  const char* at = nullptr;
  if (document.current_location().get(at) == simdjson::SUCCESS) {
    where = " at byte " + std::to_string(at - reinterpret_cast<const char*>(begin));
  }
  return {ErrorCode::kInvalid,
          "the body is malformed JSON" + where + ": " + simdjson::error_message(error)};
}

std::optional<Error> readDocument(od::parser& parser, std::span<const kj::byte> buffer, size_t size,
                                  std::vector<Field>& fields, UnknownFields unknown) {
  od::document document;
  auto error = parser.iterate(buffer.data(), size, buffer.size()).get(document);
  if (error != simdjson::SUCCESS) {
    return Error{ErrorCode::kInvalid,
                 std::string("the body is malformed JSON: ") + simdjson::error_message(error)};
  }
  od::object object;
  error = document.get_object().get(object);
  if (error == simdjson::INCORRECT_TYPE) {
    return Error{ErrorCode::kInvalid, "the body must be a JSON object"};
  }
  if (error != simdjson::SUCCESS) return malformed(error, document, buffer.data());
  if (auto wrongField = readFields(object, Place{}, fields, unknown)) return wrongField;
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return Error{ErrorCode::kInvalid, "the body goes on behind its JSON object"};
  }
  return std::nullopt;
}

}  // namespace

bool isUtf8(std::string_view text) {
  return simdjson::validate_utf8(text.data(), text.size());
}

void failReading(const Error& error) {
  kj::throwFatalException(wireError(error));
}

std::optional<Error> readObject(std::span<const kj::byte> buffer, size_t size,
                                std::vector<Field> fields, UnknownFields unknown) {
  static_assert(kBodyPadding >= simdjson::SIMDJSON_PADDING);
  if (size == 0) {
    static constexpr kj::byte kEmpty[2 + kBodyPadding] = {'{', '}'};
    return readObject(kEmpty, 2, std::move(fields), unknown);
  }
  if (size > kBodyBytesAtOnce) {
    od::parser parser;  // its memory goes with the body
    return readDocument(parser, buffer, size, fields, unknown);
  }
  thread_local od::parser parser;
  return readDocument(parser, buffer, size, fields, unknown);
}

}  // namespace holdfast::http
