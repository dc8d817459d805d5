#include "daemon/start_checks.h"

#include "daemon/capture_switch.h"
#include "daemon/lmcache_door.h"
#include "daemon/nats_module.h"
#include "net/listen_address.h"

namespace holdfast {
namespace {

// Whoever reaches such an address would have every right.
std::optional<Error> openToEverybody(const Configuration& configuration,
                                     const std::string& address) {
  if (!configuration.tokenFile.empty() || configuration.authOff || isLocal(address)) {
    return std::nullopt;
  }
  return Error{ErrorCode::kRefused,
               "refusing to listen on " + address +
                   ": it can be reached from other machines, and nothing says who may come in; "
                   "name a file of tokens with --tokens ('holdfast-ctl token new' makes them), or "
                   "say --auth off where nobody else reaches that network"};
}

std::optional<Error> cannotListen(const Configuration& configuration) {
  for (const auto* addresses :
       {&configuration.listen, &configuration.http, &configuration.lmcache.http}) {
    const bool insecure =
        addresses == &configuration.lmcache.http && configuration.lmcache.insecure;
    for (const std::string& address : *addresses) {
      if (auto why = cannotListenOn(address, configuration.unixSockets)) return why;
      if (insecure) continue;
      if (auto why = openToEverybody(configuration, address)) return why;
    }
  }
  return LmcacheDoor::refused(configuration.lmcache);
}

}  // namespace

std::optional<CannotServe> cannotServe(const Configuration& configuration) {
  if (const auto why = cannotListen(configuration)) {
    return CannotServe{ExitCode::kListen, why->message};
  }
  if (const auto why = CaptureSwitch::cannotBegin(configuration.capture)) {
    return CannotServe{ExitCode::kCapture, why->message};
  }
  if (!configuration.replication.on()) return std::nullopt;
  const auto module = natsModule();
  if (!module.ok()) return CannotServe{ExitCode::kGroup, module.error().message};
  return std::nullopt;
}

}  // namespace holdfast
