// The controller that holdfast-ctl asks, one call at a time.
#pragma once

#include <kj/async-io.h>

#include <optional>
#include <string>

#include "reach/controller.h"

namespace holdfast::ctl {

using reach::kUsualPatience;
using reach::NotFound;
using reach::Patience;
using reach::Refused;
using reach::Unreachable;

// For calls whose answer waits for the controller's disk or for other workers.
inline constexpr Patience kPatienceForChanges{30'000};

class Controller {
 public:
  // Connects, as reach::Connection does. `patience`: for every answer, if --timeout was given.
  // Throws Unreachable.
  Controller(const std::string& addresses, const ClientSecurity& security,
             std::optional<Patience> patience)
      : patience_(patience),
        io_(kj::setupAsyncIo()),
        connection_(io_, addresses, security, patience.value_or(kUsualPatience)) {}

  schema::Orchestrator::Client orchestrator() { return connection_.orchestrator(); }
  schema::Operator::Client op() { return connection_.op(); }
  const std::string& address() const { return connection_.address(); }

  // Sends a request and waits for its answer, for --timeout if that was given, else for `usual`.
  // Throws Unreachable or Refused.
  template <typename Request>
  auto call(Request&& request, Patience usual = kUsualPatience) {
    return connection_.call(request, patience_.value_or(usual));
  }
  void pause(uint32_t ms) {
    io_.provider->getTimer().afterDelay(ms * kj::MILLISECONDS).wait(io_.waitScope);
  }

 private:
  const std::optional<Patience> patience_;
  kj::AsyncIoContext io_;
  reach::Connection connection_;
};

}  // namespace holdfast::ctl
