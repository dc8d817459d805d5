#include "http/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <system_error>

#include "http/utf8.h"

namespace holdfast::http {
namespace {

// What stands for each byte in a text: 0 is itself, 'u' its number.
constexpr std::array<char, 256> kEscapes = []() {
  std::array<char, 256> escapes{};
  for (size_t c = 0; c < 0x20; ++c) escapes[c] = 'u';
  escapes['"'] = '"';
  escapes['\\'] = '\\';
  escapes['\n'] = 'n';
  escapes['\r'] = 'r';
  escapes['\t'] = 't';
  escapes[0x7F] = 'u';
  return escapes;
}();

void appendEscaped(std::string& to, std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  size_t from = 0;  // of what is written as it is
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    const char escape = kEscapes[c];
    if (escape == 0) continue;
    to.append(text, from, i - from);
    from = i + 1;
    to += '\\';
    to += escape;
    if (escape == 'u') to.append({'0', '0', kDigits[c >> 4], kDigits[c & 15]});
  }
  to.append(text, from);
}

std::string withoutBadBytes(std::string_view text) {
  std::string good;
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x80) {
      good += c;
    } else {
      good += "\xEF\xBF\xBD";
    }
  }
  return good;
}

template <typename T>
void appendNumber(std::string& to, T value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  to.append(digits.data(), end);
}

}  // namespace

void JsonWriter::separate() {
  if (!first_) to_ += ',';
  first_ = false;
}

JsonWriter& JsonWriter::begin(char bracket) {
  separate();
  to_ += bracket;
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::end(char bracket) {
  to_ += bracket;
  first_ = false;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  to_ += '"';
  to_ += name;
  to_ += "\":";
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::freeKey(std::string_view name) {
  text(name);
  to_ += ':';
  first_ = true;
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  separate();
  to_ += '"';
  if (isUtf8(value)) {
    appendEscaped(to_, value);
  } else {
    appendEscaped(to_, withoutBadBytes(value));
  }
  to_ += '"';
  return *this;
}

JsonWriter& JsonWriter::number(uint64_t value) {
  separate();
  appendNumber(to_, value);
  return *this;
}

JsonWriter& JsonWriter::signedNumber(int64_t value) {
  separate();
  appendNumber(to_, value);
  return *this;
}

JsonWriter& JsonWriter::real(double value) {
  if (!std::isfinite(value)) return null();
  separate();
  appendNumber(to_, value);
  return *this;
}

JsonWriter& JsonWriter::boolean(bool value) {
  return raw(value ? "true" : "false");
}

JsonWriter& JsonWriter::null() {
  return raw("null");
}

JsonWriter& JsonWriter::hash(uint64_t value) {
  if (hashes_ == HashStyle::kNumber) return number(value);
  separate();
  to_ += '"';
  appendNumber(to_, value);
  to_ += '"';
  return *this;
}

JsonWriter& JsonWriter::raw(std::string_view json) {
  separate();
  to_ += json;
  return *this;
}

JsonWriter& JsonWriter::hashes(std::string_view name, std::span<const uint64_t> values) {
  key(name).beginList();
  for (const uint64_t value : values) hash(value);
  return endList();
}

}  // namespace holdfast::http
