#include "http/target.h"

#include <cstdint>
#include <utility>

#include "core/ids.h"
#include "http/utf8.h"

namespace holdfast::http {
namespace {

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum class Plus { kItself, kSpace };

std::optional<std::string> decode(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus == Plus::kSpace) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hexDigit(text[i + 1]);
      const int low = hexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!isUtf8(out)) return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string> decoded(std::string_view text) {
  return decode(text, Plus::kItself);
}

Target targetOf(std::string_view text) {
  if (const size_t scheme = text.find("://");
      scheme != std::string_view::npos && text.find('/') > scheme) {
    text.remove_prefix(scheme + 3);
    const size_t slash = text.find('/');
    text = slash == std::string_view::npos ? "/" : text.substr(slash);
  }
  const size_t mark = text.find('?');
  if (mark == std::string_view::npos) return {text, {}};
  return {text.substr(0, mark), text.substr(mark + 1)};
}

Result<std::map<std::string, std::string, std::less<>>> parseQuery(std::string_view query) {
  std::map<std::string, std::string, std::less<>> pairs;
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = decode(pair.substr(0, equals), Plus::kSpace);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : decode(pair.substr(equals + 1), Plus::kSpace);
    if (!name || !value) {
      return Error{ErrorCode::kInvalid, "the query has " + quotedForPeople(pair) +
                                            ", which is no UTF-8 in the encoding of URLs"};
    }
    if (!pairs.emplace(std::move(*name), std::move(*value)).second) {
      return Error{ErrorCode::kInvalid,
                   "the query has " + quotedForPeople(pair.substr(0, equals)) + " twice"};
    }
  }
  return pairs;
}

}  // namespace holdfast::http
