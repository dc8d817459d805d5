// What a supervisor asks: is it alive, can it be used, which version is it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "http/route.h"

namespace holdfast::http {

// How far the controller is.
struct Readiness {
  enum class State : uint8_t {
    kReady,
    kMigrating,   // brings its store to the format of this version
    kRecovering,  // reads its store
    kReadOnly,    // the store cannot write: look-ups are answered, reports wait
    kStandby,     // follows another controller, and answers look-ups
    kStale,       // is in a group of controllers, and cannot answer look-ups, or only old ones
  };
  State state = State::kReady;
  std::string_view role = {};  // in its group of controllers; static storage; empty: not known
  std::optional<double> done;  // of what it does, 0 to 1
  std::optional<double> etaSeconds;  // that remain
  std::string reason;                // for people; empty: the state says it
};
std::string_view nameOf(Readiness::State state);  // "read-only"

// GET /livez, /readyz, /healthz and /version: open to everybody. `readiness` is asked for each, on
// the thread of the server.
void addProbes(RouteTable& routes, std::string_view version,
               const std::function<Readiness()>& readiness);

// For whatever else is asked meanwhile: a 503 that says the state.
Reply notReady(const Readiness& readiness);

}  // namespace holdfast::http
