#include "http/parameters.h"

#include <algorithm>
#include <charconv>

#include "core/ids.h"
#include "core/result.h"
#include "wire/errors.h"

namespace holdfast::http {
namespace {

bool parsedNumber(std::string_view text, uint64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

void failParameter(std::string_view name, const std::string& why) {
  kj::throwFatalException(wireError(
      {ErrorCode::kInvalid, "the parameter \"" + std::string(name) + "\" of the query: " + why}));
}

const std::string* parameter(const Request& request, std::string_view name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? nullptr : &found->second;
}

std::string textParameter(const Request& request, std::string_view name, size_t bytesMax) {
  const std::string* const text = parameter(request, name);
  if (text == nullptr) return {};
  if (const auto bad = invalidText(name, *text, bytesMax)) failParameter(name, *bad);
  return *text;
}

uint64_t numberParameter(const Request& request, std::string_view name, uint64_t min, uint64_t max,
                         uint64_t otherwise) {
  const std::string* const text = parameter(request, name);
  if (text == nullptr) return otherwise;
  uint64_t value = 0;
  if (!parsedNumber(*text, value) || value < min || value > max) {
    failParameter(name, "a whole number from " + std::to_string(min) + " to " +
                            std::to_string(max) + " is expected, not " + quotedForPeople(*text));
  }
  return value;
}

bool flagParameter(const Request& request, std::string_view name) {
  const std::string* const text = parameter(request, name);
  if (text == nullptr || *text == "false") return false;
  if (*text != "true") {
    failParameter(name, "true or false is expected, not " + quotedForPeople(*text));
  }
  return true;
}

std::vector<uint32_t> numbersParameter(const Request& request, std::string_view name,
                                       size_t countMax) {
  std::vector<uint32_t> numbers;
  const std::string* const text = parameter(request, name);
  if (text == nullptr || text->empty()) return numbers;
  for (std::string_view rest = *text;;) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view one = rest.substr(0, comma);
    uint64_t value = 0;
    if (!parsedNumber(one, value) || value > UINT32_MAX) {
      failParameter(name, "whole numbers with commas in between are expected, as in 0,3, not " +
                              quotedForPeople(one));
    }
    if (numbers.size() == countMax) {
      failParameter(name, "at most " + std::to_string(countMax) + " numbers are allowed");
    }
    numbers.push_back(static_cast<uint32_t>(value));
    if (comma == rest.size()) return numbers;
    rest.remove_prefix(comma + 1);
  }
}

HashStyle hashStyle(const Request& request) {
  const std::string* const text = parameter(request, "hashes");
  if (text == nullptr || *text == "number") return HashStyle::kNumber;
  if (*text != "string") {
    failParameter("hashes", "number or string is expected, not " + quotedForPeople(*text));
  }
  return HashStyle::kString;
}

}  // namespace holdfast::http
