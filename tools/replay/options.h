// The command line of holdfast-replay.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/security.h"

namespace holdfast::replay {

// How the process ends; documented in --help.
enum ExitCode {
  kDone = 0,
  kOtherDigest = 1,  // than --check-digest names
  kUsage = 2,
  kUnreadable = 3,  // the log, its checkpoint or what it is to be replayed into
  kDiffers = 4,     // what came of the log is not what it says
};

// Of which entries; empty: of all.
struct Filter {
  std::string instance;
  std::optional<uint32_t> worker;
  std::vector<std::string> kinds;

  bool empty() const { return instance.empty() && !worker && kinds.empty(); }
};

struct Options {
  std::vector<std::string> logs;
  std::string storeDir;    // --into store:DIR
  std::string controller;  // --into rpc:ADDR
  ClientSecurity security;
  double speed = 0;  // times the recorded one; 0: as fast as it goes
  uint64_t untilWallMs = UINT64_MAX;
  Filter filter;
  bool step = false;
  std::string checkDigest;
  bool json = false;
  bool progressLines = false;
};

struct ParsedOptions {
  std::optional<Options> options;
  int exitCode = kDone;  // without options
};

ParsedOptions parseOptions(int argc, const char* const* argv);

}  // namespace holdfast::replay
