// Where workers register.
#pragma once

#include <memory>
#include <utility>

#include "rpc/connection.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

class WorkerGatewayService final : public schema::WorkerGateway::Server {
 public:
  WorkerGatewayService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : services_(services), handle_(std::move(connection)) {}

  kj::Promise<void> register_(RegisterContext context) override;

 private:
  kj::Promise<void> registerNow(RegisterContext context);

  Services& services_;
  std::shared_ptr<ConnectionHandle> handle_;
};

}  // namespace holdfast
