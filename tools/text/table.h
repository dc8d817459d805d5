// Columns for people.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast::text {

class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  // One cell a column.
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  void print(std::ostream& out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The side of numbers.
inline constexpr auto kRight = Table::Align::kRight;

// 1234567 -> "1,234,567"
std::string grouped(uint64_t number);
// "1 problem", "1,234 problems"
std::string countText(uint64_t number, const std::string& noun);
// 1536 -> "1.5 KiB"
std::string bytesText(uint64_t bytes);
// "3 d 4 h", "12 min 3 s", "1.25 s"
std::string durationText(uint64_t milliseconds);
// How long ago a moment was: "12 min 3 s ago"; "never" for 0. Milliseconds since 1970, UTC.
std::string agoText(uint64_t wallMs);
// 16 digits.
std::string hexText(uint64_t number);

}  // namespace holdfast::text
