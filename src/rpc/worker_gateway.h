// Where workers register.
#pragma once

#include "rpc/connection.h"
#include "rpc/services.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class WorkerGatewayService final : public schema::WorkerGateway::Server {
 public:
  WorkerGatewayService(Services& services, Connection& connection)
      : services_(services), connection_(connection) {}

  kj::Promise<void> register_(RegisterContext context) override;

 private:
  Services& services_;
  Connection& connection_;
};

}  // namespace holdfast
