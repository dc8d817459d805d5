// Options of clients that tests make, and what they wait for.
#pragma once

#include <cstdint>

#include "client/client.h"
#include "fake_controller.h"

namespace holdfast {

using State = FakeController::State;

inline constexpr uint32_t kLongMs = 20'000;  // nothing that succeeds takes this long

inline ClientOptions optionsFor(const FakeController& controller) {
  ClientOptions options;
  options.controller = controller.address();
  options.instance = "llama/0 \"a\"";
  options.worker = 3;
  options.locations = {{"gpu", {}}, {"cpu", {}}};
  options.batchDelayMs = 1;
  options.backoffMinMs = 1;
  options.backoffMaxMs = 20;
  return options;
}

inline bool reaches(const Client& client, ClientState state) {
  return eventually([&] { return client.state() == state; });
}

}  // namespace holdfast
