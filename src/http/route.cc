#include "http/route.h"

#include <cstddef>
#include <optional>

#include "core/check.h"
#include "http/target.h"

namespace holdfast::http {
namespace {

bool isParameter(std::string_view segment) {
  return segment.starts_with('{') && segment.ends_with('}');
}

std::string_view takeSegment(std::string_view& path) {
  const size_t slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return segment;
}

// The values of the pattern's parameters, where the path is like it. None of them is empty.
std::optional<std::vector<std::string>> match(std::string_view pattern, std::string_view path) {
  std::vector<std::string> values;
  if (pattern.find('{') == std::string_view::npos) {
    return pattern == path ? std::optional(values) : std::nullopt;
  }
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = takeSegment(pattern);
    const std::string_view segment = takeSegment(path);
    if (isParameter(expected)) {
      auto value = decoded(segment);
      if (!value || value->empty()) return std::nullopt;
      values.push_back(std::move(*value));
    } else if (expected != segment) {
      return std::nullopt;
    }
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return values;
}

}  // namespace

void RouteTable::add(Route route) {
  for (const Route& other : routes_) {
    HOLDFAST_CHECK(other.method != route.method || other.path != route.path, "the route is there");
  }
  // Those without parameters come first.
  const bool fixed = route.path.find('{') == std::string_view::npos;
  routes_.insert(fixed ? routes_.begin() + static_cast<std::ptrdiff_t>(fixed_++) : routes_.end(),
                 std::move(route));
}

void RouteTable::addSchema(std::string_view name, std::string_view schema) {
  schemas_.emplace(name, schema);
}

RouteTable::Found RouteTable::find(kj::HttpMethod method, std::string_view path) const {
  if (method == kj::HttpMethod::HEAD) method = kj::HttpMethod::GET;
  for (const Route& route : routes_) {
    if (route.method != method) continue;
    if (auto values = match(route.path, path)) return {&route, std::move(*values)};
  }
  return {};
}

std::string RouteTable::methodsOf(std::string_view path) const {
  std::string methods;
  for (const Route& route : routes_) {
    if (!match(route.path, path)) continue;
    methods += kj::toCharSequence(route.method).cStr();
    methods += route.method == kj::HttpMethod::GET ? ", HEAD, " : ", ";
  }
  if (!methods.empty()) methods += "OPTIONS";
  return methods;
}

}  // namespace holdfast::http
