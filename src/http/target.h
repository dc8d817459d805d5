// The target of a request: "/v1/pins?instance=a%20b".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace holdfast::http {

// What "%41" stands for; nothing where that is malformed or no UTF-8.
std::optional<std::string> decoded(std::string_view text);

struct Target {
  std::string_view path;   // not decoded
  std::string_view query;  // the same, without "?"
};
// Without what stands before the path where a proxy's form is used ("http://host/path").
Target targetOf(std::string_view text);

// The pairs of a query, decoded; "+" is a space. A name that comes twice is an error.
Result<std::map<std::string, std::string, std::less<>>> parseQuery(std::string_view query);

}  // namespace holdfast::http
