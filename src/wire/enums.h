// Enumerations of messages and of core: both list the same values in the same order.
#pragma once

#include <capnp/schema.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <type_traits>

namespace holdfast {

// For assertions about that order.
template <typename Wire, typename Plain>
constexpr bool sameNumber(Wire wire, Plain plain) {
  return static_cast<unsigned>(wire) == static_cast<unsigned>(plain);
}

// A value that a newer peer knows and this program does not comes out as one without a name, never
// as another one.
template <typename Plain, typename Wire>
constexpr Plain plainOf(Wire wire) {
  static_assert(sizeof(Plain) == 1 && std::is_enum_v<Wire>);
  return static_cast<Plain>(std::min<uint16_t>(static_cast<uint16_t>(wire), 255));
}

// The schema's own name of an enumerant; of one from a newer controller, its number.
template <typename Wire>
std::string enumerantName(Wire value) {
  const auto enumerants = capnp::Schema::from<Wire>().getEnumerants();
  const auto number = static_cast<unsigned>(value);
  if (number >= enumerants.size()) return std::to_string(number);
  const auto name = enumerants[number].getProto().getName();
  return {name.begin(), name.size()};
}

}  // namespace holdfast
