#include "rpc/operator_service.h"

#include <memory>
#include <optional>
#include <string>

#include "core/queries/diverged.h"
#include "core/queries/status.h"
#include "rpc/convert_queries.h"
#include "rpc/store_copy_service.h"
#include "serving/long_answer.h"
#include "serving/orders.h"
#include "wire/counters.h"
#include "wire/errors.h"
#include "wire/replica.h"
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
  return services_.budget.readyToAnswer().then(
      [this, context]() mutable { return answerStatus(context); });
}

kj::Promise<void> OperatorService::answerStatus(StatusContext context) {
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
  holdfast::write(services_.group.view(), answer.initReplica());
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
  const auto queued = holdfast::forceSync(services_, viewOf(message.getInstanceId()),
                                          message.getWorkerId(), viewOf(message.getLocation()));
  if (!queued.ok()) return wireError(queued.error());
  context.getResults().setLocations(queued.value());
  return kj::READY_NOW;
}

kj::Promise<void> OperatorService::forget(ForgetContext context) {
  const auto message = context.getParams().getMessage();
  return forgetWorker(services_, viewOf(message.getInstanceId()), message.getWorkerId());
}

kj::Promise<void> OperatorService::drain(DrainContext context) {
  const auto message = context.getParams().getMessage();
  return drainInstance(services_, viewOf(message.getInstanceId()), !message.getUndo());
}

kj::Promise<void> OperatorService::capture(CaptureContext context) {
  const auto message = context.getParams().getMessage();
  if (message.getOff()) {
    const auto ended = endCapture(services_);
    if (!ended.ok()) return wireError(ended.error());
    context.getResults().setFolder(textOf(ended.value()));
    return kj::READY_NOW;
  }
  return beginCapture(services_, std::string(viewOf(message.getDirectory())), message.getRedact())
      .then([context](std::string&& folder) mutable {
        context.getResults().setFolder(textOf(folder));
      });
}

kj::Promise<void> OperatorService::backup(BackupContext context) {
  return backUp(services_, std::string(viewOf(context.getParams().getMessage().getPath())))
      .then([context](kj::Own<BackupMade>&& made) mutable {
        auto answer = context.getResults().initAnswer();
        answer.setPath(textOf(made->path));
        answer.setBytes(made->bytes);
        answer.setSequence(made->sequence);
        answer.setInstances(made->instances);
        answer.setWorkers(made->workers);
        answer.setMemberships(made->memberships);
        answer.setRegistryDigest(textOf(made->registryDigest));
        answer.setMilliseconds(made->milliseconds);
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

kj::Promise<void> OperatorService::replica(ReplicaContext context) {
  return services_.budget.readyToAnswer().then([this, context]() mutable {
    const queries::Status status = queries::statusOf(services_.registry, services_.executor);
    const ReplicaView& view = services_.group.view();
    auto answer = context.getResults().initAnswer();
    holdfast::write(view, answer.initInfo());
    // Whoever takes writes has applied them before they are in the log.
    answer.setSettled(!view.mayBeAhead() || status.committed);
    answer.setRegistryDigest(textOf(status.registryDigest.hex()));
    answer.setVersion(textOf(services_.facts.version));
  });
}

kj::Promise<void> OperatorService::stepDown(StepDownContext) {
  auto over = kj::newPromiseAndFulfiller<void>();
  // Shared, since the caller may leave before it is over.
  const auto told = std::make_shared<kj::Own<kj::PromiseFulfiller<void>>>(kj::mv(over.fulfiller));
  services_.group.stepDown([told](const std::optional<Error>& error) {
    if (error) return (*told)->reject(wireError(*error));
    (*told)->fulfill();
  });
  return kj::mv(over.promise);
}

kj::Promise<void> OperatorService::copy(CopyContext context) {
  const GiveCopy& give = services_.facts.copy;
  if (!give) return wireError({ErrorCode::kRefused, "this controller has no store to copy"});
  const Caller& caller = *handle_->caller;
  const std::string& name = caller.principal.name;
  return give(name.empty() ? caller.peer : "'" + name + "' (" + caller.peer + ")")
      .then([this, context](kj::Own<StoreCopy>&& copy) mutable {
        auto results = context.getResults();
        holdfast::write(copy->facts(), results.initAnswer());
        results.setCopy(kj::heap<StoreCopyService>(services_, handle_, kj::mv(copy)));
      });
}

}  // namespace holdfast
