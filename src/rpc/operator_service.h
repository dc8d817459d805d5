// What operators ask.
#pragma once

#include <memory>
#include <utility>

#include "rpc/guarded.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

class OperatorService final : public Guarded<schema::Operator> {
 public:
  OperatorService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : Guarded(services, std::move(connection)) {}

  kj::Promise<void> status(StatusContext context) override;
  kj::Promise<void> diverged(DivergedContext context) override;
  kj::Promise<void> forceSync(ForceSyncContext context) override;
  kj::Promise<void> forget(ForgetContext context) override;
  kj::Promise<void> drain(DrainContext context) override;
  kj::Promise<void> capture(CaptureContext context) override;
  kj::Promise<void> backup(BackupContext context) override;
  kj::Promise<void> logLevel(LogLevelContext context) override;
  kj::Promise<void> hashing(HashingContext context) override;
  kj::Promise<void> replica(ReplicaContext context) override;
  kj::Promise<void> stepDown(StepDownContext context) override;
  kj::Promise<void> copy(CopyContext context) override;

 private:
  kj::Promise<void> answerStatus(StatusContext context);
};

}  // namespace holdfast
