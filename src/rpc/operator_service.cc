#include "rpc/operator_service.h"

#include <memory>
#include <string>
#include <utility>

#include "core/queries/diverged.h"
#include "core/queries/status.h"
#include "rpc/convert_queries.h"
#include "serving/long_answer.h"
#include "wire/counters.h"
#include "wire/errors.h"
#include "wire/text.h"

namespace holdfast {
namespace {

uint64_t ask(const std::function<uint64_t()>& question) {
  return question ? question() : 0;
}

uint64_t microseconds(uint64_t nanoseconds) {
  return (nanoseconds + 999) / 1000;
}

void write(const LatencyHistogram& latencies, schema::Latency::Builder to) {
  to.setCount(latencies.count());
  to.setP50Us(microseconds(latencies.percentileNs(0.5)));
  to.setP99Us(microseconds(latencies.percentileNs(0.99)));
  to.setP999Us(microseconds(latencies.percentileNs(0.999)));
  to.setMaxUs(microseconds(latencies.maxNs()));
}

}  // namespace

kj::Promise<void> OperatorService::status(StatusContext context) {
  const bool reset = context.getParams().getMessage().getResetLookupWindow();
  if (reset) {
    const Caller& caller = *handle_->caller;
    if (const auto why = mayNot(caller.principal, Permission::kManage,
                                "Operator.status with resetLookupWindow")) {
      services_.audit.refused(AuthFailure::kDenied, caller, why->message);
      return wireError(*why);
    }
  }
  const ProcessFacts& facts = services_.facts;
  auto answer = context.getResults().initAnswer();
  answer.setVersion(textOf(facts.version));
  answer.setClusterId(textOf(facts.clusterId));
  answer.setUptimeMs(ask(facts.uptimeMs));
  holdfast::write(queries::statusOf(services_.registry, services_.executor), answer);
  answer.setResidentBytes(ask(facts.residentBytes));
  answer.setDiskBytes(ask(facts.diskBytes));
  const StoreHealth health = services_.store.health();
  answer.setStoreWritable(health.writable);
  answer.setStoreReason(textOf(health.reason));
  answer.setStoreQueueBytes(ask(facts.storeQueueBytes));
  write(services_.lookups, answer.initLookups());
  write(services_.lookupWindow, answer.initLookupWindow());
  answer.setRecoveryMs(facts.recoveryMs);
  answer.setRecoveredInstances(facts.recovery.instances);
  answer.setRecoveredWorkers(facts.recovery.workers);
  answer.setRecoveredChunks(facts.recovery.chunks);
  answer.setConnections(services_.connections);
  answer.setAuth(textOf(services_.access.mode()));
  if (reset) services_.lookupWindow.reset();
  return kj::READY_NOW;
}

kj::Promise<void> OperatorService::diverged(DivergedContext context) {
  return inPieces(services_, context,
                  ListAnswer(
                      queries::DivergedCursor(services_.registry),
                      [context](const auto&, kj::uint size) mutable {
                        return context.getResults().initAnswer().initLocations(size);
                      },
                      [](const queries::DivergedView& one, auto to) {
                        holdfast::write(one, to);
                        return size_t{1};
                      }));
}

kj::Promise<void> OperatorService::forceSync(ForceSyncContext context) {
  const auto message = context.getParams().getMessage();
  const auto queued = services_.controller.take(input::ForceSync{
      viewOf(message.getInstanceId()), message.getWorkerId(), viewOf(message.getLocation())});
  if (!queued.ok()) return wireError(queued.error());
  context.getResults().setLocations(queued.value());
  return kj::READY_NOW;
}

kj::Promise<void> OperatorService::forget(ForgetContext context) {
  const auto message = context.getParams().getMessage();
  const auto forgotten = services_.controller.take(
      input::Forget{viewOf(message.getInstanceId()), message.getWorkerId()});
  if (!forgotten.ok()) return wireError(forgotten.error());
  return services_.waiters.committed(forgotten.value());
}

kj::Promise<void> OperatorService::drain(DrainContext context) {
  const auto message = context.getParams().getMessage();
  const auto drained =
      services_.controller.take(input::Drain{viewOf(message.getInstanceId()), !message.getUndo()});
  if (!drained.ok()) return wireError(drained.error());
  return services_.waiters.committed(drained.value());
}

kj::Promise<void> OperatorService::capture(CaptureContext context) {
  const auto message = context.getParams().getMessage();
  if (!services_.facts.captureOn || !services_.facts.captureOff) {
    return wireError({ErrorCode::kRefused, "this server keeps no capture logs"});
  }
  if (message.getOff()) {
    const auto ended = services_.facts.captureOff();
    if (!ended.ok()) return wireError(ended.error());
    context.getResults().setFolder(textOf(ended.value()));
    return kj::READY_NOW;
  }
  return services_.facts.captureOn(std::string(viewOf(message.getDirectory())), message.getRedact())
      .then([context](std::string&& folder) mutable {
        context.getResults().setFolder(textOf(folder));
      });
}

kj::Promise<void> OperatorService::backup(BackupContext context) {
  const Registry& registry = services_.registry;
  const auto& backup = services_.facts.backup;
  if (!backup) return wireError({ErrorCode::kRefused, "this controller has no store to back up"});
  // What is queued behind is not in it, so what is counted now is what it holds.
  auto answer = context.getResults().initAnswer();
  answer.setInstances(registry.tree().instances().size());
  answer.setWorkers(registry.tree().workers());
  answer.setMemberships(registry.tree().memberships());
  answer.setRegistryDigest(textOf(registry.registryDigest().hex()));
  const uint64_t beganMs = ask(services_.facts.uptimeMs);
  auto ended = kj::newPromiseAndFulfiller<kj::Own<BackupOutcome>>();
  // Held by a function, which must be copyable.
  auto fulfiller = std::make_shared<kj::Own<kj::PromiseFulfiller<kj::Own<BackupOutcome>>>>(
      kj::mv(ended.fulfiller));
  const auto refused = backup(std::string(viewOf(context.getParams().getMessage().getPath())),
                              [fulfiller](const BackupOutcome& outcome) {
                                (*fulfiller)->fulfill(kj::heap<BackupOutcome>(outcome));
                              });
  if (refused) return wireError(*refused);
  return ended.promise.then([this, context, beganMs](kj::Own<BackupOutcome>&& outcome) mutable {
    if (outcome->error) kj::throwFatalException(wireError(*outcome->error));
    auto done = context.getResults().getAnswer();
    done.setPath(textOf(outcome->path));
    done.setBytes(outcome->bytes);
    done.setSequence(outcome->sequence);
    done.setMilliseconds(ask(services_.facts.uptimeMs) - beganMs);
  });
}

kj::Promise<void> OperatorService::logLevel(LogLevelContext context) {
  const auto& logLevel = services_.facts.logLevel;
  if (!logLevel) return wireError({ErrorCode::kRefused, "this server has no log"});
  const auto level = logLevel(viewOf(context.getParams().getLevel()));
  if (!level.ok()) return wireError(level.error());
  context.getResults().setLevel(textOf(level.value()));
  return kj::READY_NOW;
}

}  // namespace holdfast
