// What holdfast-ctl can ask, each answered as a table or as JSON. Operations on caches are in
// operation_commands.h.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "controller.h"
#include "exit_code.h"

namespace holdfast::ctl {

struct Output {
  std::ostream& out;
  bool json = false;
};

// Each asks once and prints. False: what was asked for by name is not there.

// False: the store is read-only.
bool showStatus(Controller& controller, const Output& output, bool resetLookupWindow);
// Empty: all.
bool showInstances(Controller& controller, const Output& output, const std::string& instance);
bool showWorkers(Controller& controller, const Output& output, const std::string& instance,
                 const std::vector<uint32_t>& workers);
bool showInstanceOfIp(Controller& controller, const Output& output, const std::string& ip);
bool showDiverged(Controller& controller, const Output& output);
// Has a worker re-send its keys; an empty location means all locations.
bool forceSync(Controller& controller, const Output& output, const std::string& instance,
               uint32_t worker, const std::string& location);

// For a command that found nothing: throws NotFound if that is because an instance, rank or
// location that was named is not there. Empty: none was named.
void requireNamed(Controller& controller, const std::string& instance,
                  const std::vector<uint32_t>& workers, const std::string& location);

// What is pinned; empty: all.
struct PinFilter {
  std::string instance;
  std::vector<uint32_t> workers;
  std::string location;
  bool withChunks = false;
  uint32_t max = 1'000;  // entries: pin operations by rank and location
};
void showPins(Controller& controller, const Output& output, const PinFilter& filter);

// Begins or ends a capture log.
void switchCapture(Controller& controller, const Output& output, bool off,
                   const std::string& directory, bool redact);
// Copies the controller's store into a directory of its machine. Returns true, or throws.
bool backUp(Controller& controller, const Output& output, const std::string& path);

// A token and its line for the controller's token file. Asks no controller. Throws
// CLI::ValidationError where no file could have such a line.
struct TokenWish {
  std::string role;  // roleNamed() knows it
  std::string name;
  std::vector<std::string> instances;
};
void makeToken(const Output& output, const TokenWish& wish);

// Sets what the controller's log tells; an empty level asks for the one in force.
void showLogLevel(Controller& controller, const Output& output, const std::string& level);

// Every controller of a group, as it is. kExitUnreachable where one of them cannot be asked,
// kExitReplicasDiffer where two have something else at the same place of the same log, or two lead.
ExitCode showReplicas(const std::vector<std::string>& addresses, const ClientSecurity& security,
                      std::optional<Patience> patience, const Output& output);
// Has the leader hand over.
void stepDown(Controller& controller, const Output& output);

// How engines hash, and who differs.
void showHashing(Controller& controller, const Output& output);

struct Prompt {
  std::string model;
  bool withPins = false;
  // Of tokens; empty: none.
  std::string loraName;
  std::string loraPath;
  std::string cacheSalt;
  // Exactly one is set.
  std::optional<std::vector<uint32_t>> tokens;
  std::optional<std::vector<uint64_t>> hashes;
};
bool showLookup(Controller& controller, const Output& output, const Prompt& prompt);

}  // namespace holdfast::ctl
