#include "serving/orders.h"

#include <functional>
#include <memory>
#include <utility>

#include "wire/errors.h"

namespace holdfast {
namespace {

uint64_t uptimeMs(const Services& services) {
  return services.facts.uptimeMs ? services.facts.uptimeMs() : 0;
}

kj::Promise<void> whenCommitted(Services& services, const Result<Ticket>& taken) {
  if (!taken.ok()) return wireError(taken.error());
  return services.waiters.committed(taken.value());
}

Error noCaptureLogs() {
  return {ErrorCode::kRefused, "this server keeps no capture logs"};
}

}  // namespace

Result<uint32_t> forceSync(Services& services, std::string_view instance, uint32_t worker,
                           std::string_view location) {
  return services.controller.take(input::ForceSync{instance, worker, location});
}

kj::Promise<void> forgetWorker(Services& services, std::string_view instance, uint32_t worker) {
  return whenCommitted(services, services.controller.take(input::Forget{instance, worker}));
}

kj::Promise<void> drainInstance(Services& services, std::string_view instance, bool drained) {
  return whenCommitted(services, services.controller.take(input::Drain{instance, drained}));
}

kj::Promise<std::string> beginCapture(Services& services, const std::string& directory,
                                      bool redact) {
  if (!services.facts.captureOn) return wireError(noCaptureLogs());
  return services.facts.captureOn(directory, redact);
}

Result<std::string> endCapture(Services& services) {
  if (!services.facts.captureOff) return noCaptureLogs();
  return services.facts.captureOff();
}

kj::Promise<kj::Own<BackupMade>> backUp(Services& services, const std::string& path) {
  if (!services.facts.backup) {
    return wireError({ErrorCode::kRefused, "this controller has no store to back up"});
  }
  // What is queued behind is not in it, so what is counted now is what it holds.
  const Registry& registry = services.registry;
  auto made = kj::heap<BackupMade>();
  made->instances = registry.tree().instances().size();
  made->workers = registry.tree().workers();
  made->memberships = registry.tree().memberships();
  made->registryDigest = registry.registryDigest().hex();
  const uint64_t beganMs = uptimeMs(services);
  auto ended = kj::newPromiseAndFulfiller<kj::Own<BackupOutcome>>();
  // Held by a function, which must be copyable.
  auto fulfiller = std::make_shared<kj::Own<kj::PromiseFulfiller<kj::Own<BackupOutcome>>>>(
      kj::mv(ended.fulfiller));
  const auto refused = services.facts.backup(path, [fulfiller](const BackupOutcome& outcome) {
    (*fulfiller)->fulfill(kj::heap<BackupOutcome>(outcome));
  });
  if (refused) return wireError(*refused);
  return ended.promise.then(
      [&services, beganMs, made = kj::mv(made)](kj::Own<BackupOutcome>&& outcome) mutable {
        if (outcome->error) kj::throwFatalException(wireError(*outcome->error));
        made->path = std::move(outcome->path);
        made->bytes = outcome->bytes;
        made->sequence = outcome->sequence;
        made->milliseconds = uptimeMs(services) - beganMs;
        return kj::mv(made);
      });
}

}  // namespace holdfast
