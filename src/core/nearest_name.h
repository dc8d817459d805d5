// Which name a misspelt word was meant to be: options, commands, keys of a file.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace holdfast {

// The name that differs from the word in the fewest letters: left out, added, replaced or swapped
// with their neighbour, case aside; of equally near ones the first. Nothing where even that differs
// in too much to have been meant: in more than a third of its letters (one of a short name), unless
// it only goes on where the word ends ("--data" is near to "--data-dir"). Words of more than 64
// bytes are near to nothing.
std::optional<std::string> nearestName(std::string_view word, std::span<const std::string> names);

}  // namespace holdfast
