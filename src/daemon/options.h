// Every option of holdfastd, with its help: the one place where an option is declared. From it come
// the command line, the environment, the configuration file with its table, what --print-config and
// --sample-config show. What options mean together is checked in configuration.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "daemon/configuration.h"

namespace holdfast {

// Options whose values are read from their texts once all are known; with their defaults.
struct OptionTexts {
  std::string auth = "tokens";
  std::string algorithm = "builtin";
  std::string noneHash = "0";
  std::string walSync = "interval";
  std::string socketMode;
  std::string engineLoss = "forget";
  std::string clearMeans = "gpu";
  std::string logFormat = "text";
};

// What the command line asks for instead of a controller.
struct ProgramOptions {
  std::string configFile;
  bool checkConfig = false;
  bool printConfig = false;
  bool sampleConfig = false;
};

// Declares them all. `app` writes into the others, which must outlive its parsing.
//
// A group's first word is the option's table in a file. A type name says what a value is: N, SHARE,
// DURATION, SIZE; whatever else is a text (option_values.h).
void addOptions(CLI::App& app, Configuration& configuration, OptionTexts& texts,
                ProgramOptions& program);

}  // namespace holdfast
