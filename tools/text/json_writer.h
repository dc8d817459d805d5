// JSON for programs: objects and lists written in order, indented by two.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::text {

// In quotes, escaped.
void writeQuoted(std::ostream& out, std::string_view text);

class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}
  // Ends the last line.
  ~JsonWriter() { out_ << '\n'; }
  JsonWriter(const JsonWriter&) = delete;
  JsonWriter& operator=(const JsonWriter&) = delete;

  // `key` is empty inside lists and at the top.
  void beginObject(std::string_view key = {}) { open(key, '{'); }
  void endObject() { close('}'); }
  void beginList(std::string_view key = {}) { open(key, '['); }
  void endList() { close(']'); }
  void text(std::string_view key, std::string_view value);
  void number(std::string_view key, uint64_t value);
  void integer(std::string_view key, int64_t value);
  void real(std::string_view key, double value);
  void boolean(std::string_view key, bool value);

 private:
  void next(std::string_view key);
  void open(std::string_view key, char bracket);
  void close(char bracket);

  std::ostream& out_;
  std::vector<bool> hasMembers_;  // of each open object and list
};

}  // namespace holdfast::text
