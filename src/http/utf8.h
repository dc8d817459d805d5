// Whether bytes are text.
#pragma once

#include <string_view>

namespace holdfast::http {

// Well-formed UTF-8. Gigabytes a second; ASCII at once.
bool isUtf8(std::string_view text);

}  // namespace holdfast::http
