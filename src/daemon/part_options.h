// What the daemon's parts are told, of its configuration.
#pragma once

#include "capture/log_writer.h"
#include "client/security.h"
#include "core/registry/registry.h"
#include "daemon/configuration.h"
#include "daemon/http_door.h"
#include "daemon/start_reports.h"
#include "daemon/wakeup.h"
#include "gateways/engine_events/cache_resets.h"
#include "gateways/engine_events/intake.h"
#include "net/tls.h"
#include "os/fault_ahead.h"
#include "rpc/server.h"
#include "store/rocks_store.h"

namespace holdfast {

// All: references that are given outlive what is made of the options.

StoreOptions storeOptions(const Configuration& configuration, Wakeup& wakeup,
                          const StartReports& reports, HttpDoor& http);
RegistryOptions registryOptions(const Configuration& configuration, FaultAhead& faultAhead);
// To be called when the store is open: that raises the limit of files as far as it is allowed, and
// connections leave it a half. `tls`: null where there is none.
ServerOptions serverOptions(const Configuration& configuration, const ServerTls* tls);
engines::IntakeOptions intakeOptions(const Configuration& configuration,
                                     engines::CacheResets& resets);
// Who it is to other controllers of its group, and whom it trusts.
ClientSecurity replicaSecurity(const Configuration& configuration);
LogOptions logOptions(const Configuration& configuration);

}  // namespace holdfast
