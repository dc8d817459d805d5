#include "rpc/bootstrap.h"

#include <string>
#include <utility>

#include "rpc/method_permissions.h"
#include "rpc/operator_service.h"
#include "rpc/orchestrator_service.h"
#include "rpc/worker_gateway.h"
#include "wire/errors.h"
#include "wire/replica.h"
#include "wire/text.h"

namespace holdfast {
namespace {

// Who a connection may be decides every call over it (guarded.h); which capabilities are null says
// the same to whoever looks.
class BootstrapService final : public schema::Bootstrap::Server {
 public:
  BootstrapService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : services_(services), handle_(std::move(connection)) {}

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    Connection* connection = handle_->connection;
    if (connection == nullptr || connection->endsSoon()) {
      return wireError({ErrorCode::kUnavailable, "the connection ends"});
    }
    if (++handle_->authentications > kAuthenticationsPerConnectionMax) {
      const std::string why = "it authenticates again and again, more than " +
                              std::to_string(kAuthenticationsPerConnectionMax) + " times";
      connection->endSoon(ConnectionEnd::kHeldTooMuch, why);
      return wireError({ErrorCode::kRefused, why});
    }
    const auto token = viewOf(context.getParams().getToken());
    auto principal = services_.access.authenticate(token, connection->trust());
    if (!principal.ok()) {
      services_.audit.refused(AccessControl::failureOf(token), {{}, connection->peer()},
                              principal.error().message);
      return wireError(principal.error());
    }
    // A certificate grants nothing, but it says who came.
    if (principal.value().name.empty()) principal.value().name = connection->certificate();
    connection->grant({std::move(principal.value()), connection->peer()});
    give(context.getResults());
    return kj::READY_NOW;
  }

 private:
  void give(AuthenticateResults::Builder granted) {
    write(services_.group.view(), granted.initReplica());
    const Principal& principal = handle_->caller->principal;
    if (mayUse<schema::WorkerGateway>(principal)) {
      granted.setWorker(kj::heap<WorkerGatewayService>(services_, handle_));
    }
    if (mayUse<schema::Orchestrator>(principal)) {
      granted.setOrchestrator(kj::heap<OrchestratorService>(services_, handle_));
    }
    if (mayUse<schema::Operator>(principal)) {
      granted.setOperator(kj::heap<OperatorService>(services_, handle_));
    }
  }

  Services& services_;
  const std::shared_ptr<ConnectionHandle> handle_;
};

}  // namespace

schema::Bootstrap::Client newBootstrap(Services& services,
                                       std::shared_ptr<ConnectionHandle> connection) {
  return kj::heap<BootstrapService>(services, std::move(connection));
}

}  // namespace holdfast
