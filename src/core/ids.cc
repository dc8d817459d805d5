#include "core/ids.h"

#include <cstdint>

namespace holdfast {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text` and its code point; 0 bytes if
// there is none. Overlong forms, surrogates and values above U+10FFFF are not well-formed
// (Unicode, table 3-7).
struct Decoded {
  size_t bytes = 0;
  uint32_t codePoint = 0;
};

Decoded decode(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return {1, lead};
  if (lead < 0xC2 || lead > 0xF4) return {};
  const size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < length) return {};
  uint32_t codePoint = lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    codePoint = (codePoint << 6) | (byte(i) & 0x3Fu);
  }
  const uint32_t smallest = length == 2 ? 0x80u : length == 3 ? 0x800u : 0x10000u;
  if (codePoint < smallest || codePoint > 0x10FFFF) return {};
  if (codePoint >= 0xD800 && codePoint <= 0xDFFF) return {};
  return {length, codePoint};
}

bool isControl(uint32_t codePoint) {
  return codePoint < 0x20 || (codePoint >= 0x7F && codePoint < 0xA0);
}

std::string hexByte(char c) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(c);
  return {kDigits[byte >> 4], kDigits[byte & 15]};
}

}  // namespace

std::string quotedForPeople(std::string_view text) {
  static constexpr size_t kShownBytes = 64;
  std::string out = "\"";
  size_t at = 0;
  while (at < text.size() && at < kShownBytes) {
    const Decoded d = decode(text.substr(at));
    if (d.bytes == 0 || isControl(d.codePoint)) {
      out += "\\x" + hexByte(text[at]);
      ++at;
      continue;
    }
    if (d.codePoint == '"' || d.codePoint == '\\') out += '\\';
    out += text.substr(at, d.bytes);
    at += d.bytes;
  }
  out += at < text.size() ? "...\"" : "\"";
  return out;
}

std::string oneLineForPeople(std::string_view text, size_t bytesMax) {
  static constexpr std::string_view kCut = "...";
  std::string out;
  size_t kept = 0;  // bytes of `out` that leave room for kCut
  for (size_t at = 0; at < text.size();) {
    const Decoded d = decode(text.substr(at));
    const size_t bytes = d.bytes == 0 ? 1 : d.bytes;
    if (d.bytes != 0 && !isControl(d.codePoint)) {
      out += text.substr(at, bytes);
    } else if (text[at] == '\n') {
      out += "\\n";
    } else {
      for (size_t i = 0; i < bytes; ++i) out += "\\x" + hexByte(text[at + i]);
    }
    at += bytes;
    if (out.size() > bytesMax) return out.substr(0, kept) + std::string(kCut);
    if (out.size() + kCut.size() <= bytesMax) kept = out.size();
  }
  return out;
}

std::optional<std::string> invalidText(std::string_view what, std::string_view text,
                                       size_t bytesMax) {
  const auto name = std::string(what);
  if (text.size() > bytesMax) {
    return name + " is " + std::to_string(text.size()) + " bytes long, at most " +
           std::to_string(bytesMax) + " are allowed";
  }
  for (size_t at = 0; at < text.size();) {
    const Decoded d = decode(text.substr(at));
    if (d.bytes == 0 || isControl(d.codePoint)) {
      return name + (d.bytes == 0 ? " is not UTF-8" : " has a control character") + " at byte " +
             std::to_string(at) + ": " + quotedForPeople(text);
    }
    at += d.bytes;
  }
  return std::nullopt;
}

std::optional<std::string> invalidId(std::string_view what, std::string_view id, size_t bytesMax) {
  if (id.empty()) {
    return std::string(what) + " is empty, 1 to " + std::to_string(bytesMax) +
           " bytes are required";
  }
  return invalidText(what, id, bytesMax);
}

}  // namespace holdfast
