// The one capability that a fresh connection has.
#pragma once

#include "rpc/connection.h"
#include "rpc/services.h"
#include "schema/controller.capnp.h"

namespace holdfast {

// Both outlive the capability.
schema::Bootstrap::Client newBootstrap(Services& services, Connection& connection);

}  // namespace holdfast
