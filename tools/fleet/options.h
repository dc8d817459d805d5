// The command line of holdfast-fleet.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/security.h"
#include "fleet/engines/engine_kind.h"
#include "fleet/fault_schedule.h"

namespace holdfast::fleet {

enum class Routing { kLookup, kRoundRobin, kOracle };

// Exit codes, part of the interface.
inline constexpr int kExitEqual = 0;
inline constexpr int kExitDifferent = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNoController = 3;
inline constexpr int kExitOutput = 4;  // it could not be written

// Of a fleet that publishes KV events instead of reporting over RPC.
struct EngineOptions {
  std::optional<EngineKind> kind;  // nothing: it reports
  uint32_t blockSize = 16;         // tokens
  // Where the first one publishes: "tcp://HOST:PORT", the others on the next ports, behind them
  // those that answer replays; or "ipc://PATH", each with a suffix.
  std::string events = "tcp://127.0.0.1:5557";
  std::string http = "http://127.0.0.1:7441";  // of the controller
  std::string model = "simulated";
  bool registers = true;  // with the controller; else its configuration names the engines
};

struct Options {
  std::string controller = "127.0.0.1:7440";
  ClientSecurity security;
  uint32_t instances = 4;
  uint32_t ranks = 8;
  uint64_t capacity = 20'000;  // chunks a rank
  uint64_t diskCapacity = 0;   // of its disk tier; 0: it has none
  double seconds = 20;         // that the requests are spread over
  double rate = 600;           // requests a second of the built-in workload
  uint64_t seed = 1;
  std::string trace;  // empty: the built-in workload
  Routing routing = Routing::kLookup;
  FaultOptions faults;
  EngineOptions engines;
  bool leave = false;  // end without deregistering
  bool json = false;

  uint32_t workers() const { return instances * ranks; }
};

// The options, or the exit code to end with: help and errors have been printed.
struct ParsedOptions {
  std::optional<Options> options;
  int exitCode = kExitUsage;
};
ParsedOptions parseOptions(int argc, char** argv);

}  // namespace holdfast::fleet
