// Where the value of each option comes from: command line over environment over file.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/engine_source.h"
#include "core/result.h"

namespace holdfast {

inline constexpr const char* kCommandLine = "the command line";

// The options that something sets, all of which are right by themselves.
struct Settings {
  // For the parser: the command line, then what else is set.
  std::vector<std::string> arguments;
  // By key: kCommandLine, "HOLDFAST_LISTEN", "FILE:3:1".
  std::map<std::string, std::string> from;
  // HOLDFAST_* variables that name no option: one may be misspelt.
  std::vector<std::string> warnings;
  // Of the file's [[engine]] tables.
  std::vector<EngineSource> engines;
};

// Reads the environment, and the file where one is named. The error says where the fault is: the
// variable, or file, line and column. A command line that cannot be parsed is returned as it is:
// the parser will say what is wrong with it.
Result<Settings> settingsOf(const std::vector<std::string>& arguments);

// "HOLDFAST_LISTEN" of "listen".
std::string variableOf(const std::string& key);

}  // namespace holdfast
