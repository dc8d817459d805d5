// Text that is empty most of the time: then it takes a pointer and allocates nothing.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace holdfast {

class RareText {
 public:
  RareText() = default;
  RareText(std::string_view text)
      : text_(text.empty() ? nullptr : std::make_unique<const std::string>(text)) {}
  RareText(const char* text) : RareText(std::string_view(text)) {}
  RareText(const std::string& text) : RareText(std::string_view(text)) {}
  RareText(const RareText& other) : RareText(other.string()) {}
  RareText(RareText&&) noexcept = default;
  RareText& operator=(const RareText& other) {
    RareText copy(other);
    text_.swap(copy.text_);
    return *this;
  }
  RareText& operator=(RareText&&) noexcept = default;
  ~RareText() = default;

  // Valid until the text is assigned to or destroyed.
  const std::string& string() const {
    static const std::string empty;
    return text_ == nullptr ? empty : *text_;
  }
  operator const std::string&() const { return string(); }
  operator std::string_view() const { return string(); }
  bool empty() const { return text_ == nullptr; }
  size_t size() const { return string().size(); }

  friend bool operator==(const RareText& a, const RareText& b) { return a.string() == b.string(); }
  friend bool operator==(const RareText& a, const char* b) { return a.string() == b; }

 private:
  std::unique_ptr<const std::string> text_;  // nullptr: empty
};

}  // namespace holdfast
