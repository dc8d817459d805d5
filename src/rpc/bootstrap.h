// The one capability that a fresh connection has.
#pragma once

#include <memory>

#include "rpc/connection.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

// `services` outlive the capability.
schema::Bootstrap::Client newBootstrap(Services& services,
                                       std::shared_ptr<ConnectionHandle> connection);

}  // namespace holdfast
