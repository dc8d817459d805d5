// Writes JSON into a text, piece by piece: nothing is built in memory besides the text.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace holdfast::http {

// How 64-bit hashes and ids are written. Numbers above 2^53 are exact for every reader that has
// integers; JavaScript's and jq's have none.
enum class HashStyle : uint8_t { kNumber, kString };

// Commas come by themselves. What is begun must be ended; within an object each value follows its
// key(). Appends to `to`, which outlives the writer.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& to, HashStyle hashes = HashStyle::kNumber)
      : to_(to), hashes_(hashes) {}

  JsonWriter& beginObject() { return begin('{'); }
  JsonWriter& endObject() { return end('}'); }
  JsonWriter& beginList() { return begin('['); }
  JsonWriter& endList() { return end(']'); }
  // Names of fields are written as they are: nothing in them may need an escape.
  JsonWriter& key(std::string_view name);
  // A name that somebody else chose: escaped as text() is.
  JsonWriter& freeKey(std::string_view name);

  // Control characters, quotes and backslashes are escaped. In a text that is no UTF-8 every byte
  // above 127 becomes U+FFFD, so that the result is JSON whatever the text is.
  JsonWriter& text(std::string_view value);
  JsonWriter& number(uint64_t value);
  JsonWriter& signedNumber(int64_t value);
  // Shortest form that reads back equal; what is not finite becomes null.
  JsonWriter& real(double value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  // A hash or an id of 64 bits, in the style of the writer.
  JsonWriter& hash(uint64_t value);
  // JSON that is ready: a schema.
  JsonWriter& raw(std::string_view json);

  // key() and value in one.
  JsonWriter& text(std::string_view name, std::string_view value) { return key(name).text(value); }
  JsonWriter& number(std::string_view name, uint64_t value) { return key(name).number(value); }
  JsonWriter& real(std::string_view name, double value) { return key(name).real(value); }
  JsonWriter& boolean(std::string_view name, bool value) { return key(name).boolean(value); }
  JsonWriter& hash(std::string_view name, uint64_t value) { return key(name).hash(value); }
  JsonWriter& hashes(std::string_view name, std::span<const uint64_t> values);

 private:
  JsonWriter& begin(char bracket);
  JsonWriter& end(char bracket);
  void separate();

  std::string& to_;
  const HashStyle hashes_;
  bool first_ = true;  // nothing stands before the next value on its level
};

}  // namespace holdfast::http
