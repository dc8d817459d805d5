#include "text/json_writer.h"

#include <cstdio>

namespace holdfast::text {

void writeQuoted(std::ostream& out, std::string_view text) {
  out << '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out << '\\' << c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escape[8];
      std::snprintf(escape, sizeof(escape), "\\u%04x", static_cast<unsigned>(c));
      out << escape;
    } else {
      out << c;
    }
  }
  out << '"';
}

void JsonWriter::next(std::string_view key) {
  if (!hasMembers_.empty()) {
    out_ << (hasMembers_.back() ? ",\n" : "\n") << std::string(2 * hasMembers_.size(), ' ');
    hasMembers_.back() = true;
  }
  if (key.empty()) return;
  writeQuoted(out_, key);
  out_ << ": ";
}

void JsonWriter::open(std::string_view key, char bracket) {
  next(key);
  out_ << bracket;
  hasMembers_.push_back(false);
}

void JsonWriter::close(char bracket) {
  const bool hadMembers = hasMembers_.back();
  hasMembers_.pop_back();
  if (hadMembers) out_ << '\n' << std::string(2 * hasMembers_.size(), ' ');
  out_ << bracket;
}

void JsonWriter::text(std::string_view key, std::string_view value) {
  next(key);
  writeQuoted(out_, value);
}

void JsonWriter::number(std::string_view key, uint64_t value) {
  next(key);
  out_ << value;
}

void JsonWriter::integer(std::string_view key, int64_t value) {
  next(key);
  out_ << value;
}

void JsonWriter::real(std::string_view key, double value) {
  next(key);
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  out_ << text;
}

void JsonWriter::boolean(std::string_view key, bool value) {
  next(key);
  out_ << (value ? "true" : "false");
}

}  // namespace holdfast::text
