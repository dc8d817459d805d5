#include "rpc/bootstrap.h"

#include <utility>

#include "rpc/operator_service.h"
#include "rpc/orchestrator_service.h"
#include "rpc/worker_gateway.h"

namespace holdfast {
namespace {

class BootstrapService final : public schema::Bootstrap::Server {
 public:
  BootstrapService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : services_(services), connection_(std::move(connection)) {}

  // Authentication is off: the token is ignored, every role is granted. That is why the server
  // listens on loopback and Unix sockets only.
  kj::Promise<void> authenticate(AuthenticateContext context) override {
    auto granted = context.getResults();
    granted.setWorker(kj::heap<WorkerGatewayService>(services_, connection_));
    granted.setOrchestrator(kj::heap<OrchestratorService>(services_, connection_));
    granted.setOperator(kj::heap<OperatorService>(services_));
    return kj::READY_NOW;
  }

 private:
  Services& services_;
  std::shared_ptr<ConnectionHandle> connection_;
};

}  // namespace

schema::Bootstrap::Client newBootstrap(Services& services,
                                       std::shared_ptr<ConnectionHandle> connection) {
  return kj::heap<BootstrapService>(services, std::move(connection));
}

}  // namespace holdfast
