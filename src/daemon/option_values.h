// What CLI11 knows of an option, as configuration files need it.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace holdfast {

// Of its type name, which --help shows: SIZE, DURATION, SHARE, and N for counts; whatever else is a
// text. Flags and lists are what they are declared as.
enum class ValueKind : uint8_t { kText, kFlag, kCount, kShare, kDuration, kSize, kList };
ValueKind kindOf(const CLI::Option& option);

// The table of a file that it belongs in: the first word of its group's title, "store".
std::string tableOf(const CLI::Option& option);

// Its long name without the dashes.
std::string keyOf(const CLI::Option& option);

// Those that a file can set, in the order of their declaration.
std::vector<CLI::Option*> optionsOfFiles(CLI::App& app);

// An option that only a command line has: what the program is to do instead of running, or where
// its configuration is.
inline constexpr const char* kCommandLineGroup = "This program";

}  // namespace holdfast
