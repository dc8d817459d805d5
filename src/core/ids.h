// What may be an id or a name: UTF-8 without control characters, bounded. Slashes, quotes, spaces
// and everything else that people name things with are fine.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace holdfast {

// What is wrong with an id of 1..bytesMax bytes, as a sentence that begins with `what` and names
// the limit and the value; nothing if it is valid. `what` is how people call it: "instance id".
std::optional<std::string> invalidId(std::string_view what, std::string_view id, size_t bytesMax);

// The same for a text that may be left out: 0..bytesMax bytes.
std::optional<std::string> invalidText(std::string_view what, std::string_view text,
                                       size_t bytesMax);

// A text in double quotes, with whatever a terminal or a log cannot take escaped as \xNN, cut
// after 64 bytes: for error messages about texts that may be invalid.
std::string quotedForPeople(std::string_view text);

// A text that somebody else wrote, as one line of at most `bytesMax` bytes (3 or more):
// invalidText() takes it. Line breaks become \n, whatever else a terminal or a log cannot take
// \xNN; a longer one is cut between characters and ends with "...".
std::string oneLineForPeople(std::string_view text, size_t bytesMax);

}  // namespace holdfast
