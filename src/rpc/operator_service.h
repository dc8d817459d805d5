// What operators ask.
#pragma once

#include "serving/services.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class OperatorService final : public schema::Operator::Server {
 public:
  explicit OperatorService(Services& services) : services_(services) {}

  kj::Promise<void> status(StatusContext context) override;
  kj::Promise<void> diverged(DivergedContext context) override;
  kj::Promise<void> forceSync(ForceSyncContext context) override;
  kj::Promise<void> forget(ForgetContext context) override;
  kj::Promise<void> drain(DrainContext context) override;
  kj::Promise<void> capture(CaptureContext context) override;
  kj::Promise<void> backup(BackupContext context) override;
  kj::Promise<void> logLevel(LogLevelContext context) override;

 private:
  Services& services_;
};

}  // namespace holdfast
