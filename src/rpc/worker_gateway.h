// Where workers register.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "rpc/connection.h"
#include "rpc/guarded.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

class WorkerGatewayService final : public Guarded<schema::WorkerGateway> {
 public:
  WorkerGatewayService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : Guarded(services, std::move(connection)) {}

  kj::Promise<void> register_(RegisterContext context) override;

 private:
  // Why the connection may not register workers of this instance; told and counted.
  std::optional<Error> refusedTo(std::string_view instance);
  kj::Promise<void> registerNow(RegisterContext context);
};

}  // namespace holdfast
