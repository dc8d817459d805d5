// Texts of messages and plain ones.
#pragma once

#include <capnp/blob.h>

#include <string>
#include <string_view>

namespace holdfast {

// Valid as long as the message is.
inline std::string_view viewOf(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}
inline std::string stringOf(capnp::Text::Reader text) {
  return std::string(viewOf(text));
}
// Valid as long as `text` is.
inline capnp::Text::Reader textOf(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace holdfast
