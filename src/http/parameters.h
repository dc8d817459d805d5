// Reads the parameters of a request's query. What is wrong is an exception of wireError() that
// names the parameter: the reply is a 400.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "http/json.h"
#include "http/route.h"

namespace holdfast::http {

[[noreturn]] void failParameter(std::string_view name, const std::string& why);

// What the query says; null: nothing.
const std::string* parameter(const Request& request, std::string_view name);

// Empty where it is not given.
std::string textParameter(const Request& request, std::string_view name, size_t bytesMax);
// A whole number within bounds.
uint64_t numberParameter(const Request& request, std::string_view name, uint64_t min, uint64_t max,
                         uint64_t otherwise);
// "true" or "false"; not given: false.
bool flagParameter(const Request& request, std::string_view name);
// Numbers from 0 to 2^32 - 1 with commas in between; none where it is not given.
std::vector<uint32_t> numbersParameter(const Request& request, std::string_view name,
                                       size_t countMax);

// How the answer writes hashes: "number" or "string"; not given: as numbers.
inline constexpr Parameter kHashesParameter = {
    "hashes", "how hashes are written: numbers above 2^53 are not exact for every reader",
    R"({"type":"string","enum":["number","string"],"default":"number"})"};
HashStyle hashStyle(const Request& request);

}  // namespace holdfast::http
