// A configuration as a file: the one in effect, and a sample with every option.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "daemon/configuration.h"

namespace holdfast {

// What an option has where nothing sets it, as a command line has it. A flag: "false".
std::vector<std::string> defaultsOf(const CLI::Option& option);
// What it has: what was parsed, else the same.
std::vector<std::string> valuesOf(const CLI::Option& option);

// A file that --config takes, with where each value comes from. `app` declares the options, which
// are all of these.
std::string printedConfig(CLI::App& app, const std::vector<EffectiveOption>& options);

// Every option with its help, commented out with its default; a required one with an example.
std::string sampleConfig(CLI::App& app);

}  // namespace holdfast
