// Options of the gateways: what other systems' workers and engines say. A part of options.h.
#pragma once

#include <CLI/CLI.hpp>

#include "daemon/configuration.h"
#include "daemon/options.h"

namespace holdfast {

// Both as addOptions().
void addLmcacheOptions(CLI::App& app, Configuration& configuration);
void addEngineOptions(CLI::App& app, Configuration& configuration, OptionTexts& texts);

}  // namespace holdfast
