// Every option of holdfastd, with its help. What they mean together is checked in configuration.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <array>
#include <string>

#include "core/cache_operations.h"
#include "daemon/configuration.h"

namespace holdfast {

// Options whose values are read from their texts once all are known; with their defaults.
struct OptionTexts {
  std::string algorithm = "builtin";
  std::string noneHash = "0";
  std::string heartbeatInterval = "5s";
  std::string heartbeatTimeout = "30s";
  std::string lostGrace = "1h";
  std::string replayTimeout = "10s";
  std::string fullSyncStartTimeout = "10s";
  std::string fullSyncTimeout = "5m";
  std::string walSync = "interval";
  std::string walSyncInterval = "100ms";
  // By OperationKind.
  std::array<std::string, kOperationKinds> operationTimeouts = {"1m",  "1m",  "10m",
                                                                "10m", "10m", "5s"};
  std::string eventRetention = "24h";
  std::string socketMode;
  std::string logFormat = "text";
  std::string configFile;
};

// Declares them all. `app` writes into the other two, which must outlive its parsing.
void addOptions(CLI::App& app, Configuration& configuration, OptionTexts& texts);

}  // namespace holdfast
