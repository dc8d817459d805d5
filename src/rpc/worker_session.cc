#include "rpc/worker_session.h"

#include <string>

#include "serving/long_lookup.h"
#include "serving/replica_gate.h"
#include "wire/decoded.h"
#include "wire/errors.h"
#include "wire/full_sync.h"
#include "wire/lists.h"
#include "wire/lookups.h"
#include "wire/registration.h"
#include "wire/reports.h"

namespace holdfast {

kj::Exception WorkerSessionService::malformed(const std::string& what) {
  services_.controller.take(input::SessionFailed{session_, "it sent a " + what});
  return wireError({ErrorCode::kInvalid, what + "; this session has ended, register again"});
}

WorkerSessionService::DispatchCallResult WorkerSessionService::dispatchCall(
    uint64_t interfaceId, uint16_t methodId,
    capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) {
  if (const auto elsewhere = leftToLeader(services_.group.view())) {
    return {wireError(*elsewhere), false};
  }
  return schema::WorkerSession::Server::dispatchCall(interfaceId, methodId, context);
}

kj::Promise<void> WorkerSessionService::report(ReportContext context) {
  const auto message = context.getParams().getMessage();
  const auto wanted = decoded<Report>([&]() { return read(message, scratch_); });
  if (!wanted.ok()) return malformed("malformed report: " + wanted.error().message);
  const auto outcome = services_.controller.take(input::Report{session_, wanted.value()});
  if (!outcome.ok()) return malformed("malformed report: " + outcome.error().message);
  return services_.waiters.room();
}

kj::Promise<void> WorkerSessionService::heartbeat(HeartbeatContext context) {
  const auto message = context.getParams().getMessage();
  const auto statements = message.getLocations();
  if (statements.size() > kLocationsPerWorkerMax) {
    return wireError(
        {ErrorCode::kInvalid, "a worker may have " + std::to_string(kLocationsPerWorkerMax) +
                                  " locations, not " + std::to_string(statements.size())});
  }
  const auto outcome =
      services_.controller.take(input::Heartbeat{session_, read(statements), message.getLoad()});
  if (!outcome.ok()) return wireError(outcome.error());
  write(outcome.value(), context.getResults().initAnswer());
  return kj::READY_NOW;
}

kj::Promise<void> WorkerSessionService::p2pLookup(P2pLookupContext context) {
  const auto hashes = numbersOf<uint64_t>(context.getParams().getMessage().getHashes(), scratch_);
  if (auto error = services_.lookup.beginPeers(session_, hashes)) return wireError(*error);
  if (!services_.controller.advance(services_.lookup)) return p2pLookupInPieces(context);
  return answerPeers(context, services_.lookup);
}

kj::Promise<void> WorkerSessionService::p2pLookupInPieces(P2pLookupContext context) {
  context.allowCancellation();
  const auto list = context.getParams().getMessage().getHashes();
  return LongLookup::enter(services_, handle_->lookups, list.size() * sizeof(ChunkHash))
      .then([this, context, list](kj::Own<LongLookup>&& lookup) mutable -> kj::Promise<void> {
        const auto hashes = numbersOf<uint64_t>(list, lookup->hashes);
        if (auto error = lookup->prompt.beginPeers(session_, hashes)) return wireError(*error);
        auto found = lookup->advance();
        return found
            .then([this, context, &prompt = lookup->prompt]() mutable {
              return answerPeers(context, prompt);
            })
            .attach(kj::mv(lookup));
      });
}

kj::Promise<void> WorkerSessionService::answerPeers(P2pLookupContext context,
                                                    PromptLookup& lookup) {
  const auto found = services_.controller.take(input::PeersFound{session_, lookup});
  if (!found.ok()) return wireError(found.error());
  write(found.value(), context.getResults().initAnswer());
  return kj::READY_NOW;
}

kj::Promise<void> WorkerSessionService::fullSyncStart(FullSyncStartContext context) {
  const auto message = context.getParams().getMessage();
  const auto started = services_.controller.take(input::FullSyncStart{session_, read(message)});
  if (!started.ok()) return wireError(started.error());
  const FullSyncStartOutcome& outcome = started.value();
  write(message.getSyncId(), outcome, context.getResults().initAnswer());
  return services_.waiters.committed(outcome.ticket);
}

// A key of a full sync is one more in the index, and takes four times what one of a report does.
constexpr size_t kFurtherCostOfSyncKey = 3 * sizeof(ChunkHash);

kj::Promise<void> WorkerSessionService::fullSyncBatch(FullSyncBatchContext context) {
  const auto message = context.getParams().getMessage();
  const auto wanted = decoded<FullSyncBatch>([&]() { return read(message, scratch_); });
  if (!wanted.ok()) {
    return malformed("malformed batch of a full sync: " + wanted.error().message);
  }
  const FullSyncBatch& batch = wanted.value();
  services_.budget.spent(batch.keys.size() * kFurtherCostOfSyncKey);
  const auto taken = services_.controller.take(input::FullSyncBatch{session_, batch});
  if (!taken.ok()) {
    return malformed("malformed batch of a full sync: " + taken.error().message);
  }
  return services_.waiters.room();
}

kj::Promise<void> WorkerSessionService::fullSyncEnd(FullSyncEndContext context) {
  const auto message = context.getParams().getMessage();
  const FullSyncEnd end = read(message);
  const auto status = services_.controller.take(input::FullSyncEnd{session_, end});
  if (!status.ok()) return wireError(status.error());
  write(end.syncId, status.value(), context.getResults().initAnswer());
  return kj::READY_NOW;
}

kj::Promise<void> WorkerSessionService::fullSyncStatus(FullSyncStatusContext context) {
  const FullSyncPoll poll = read(context.getParams().getMessage());
  const auto status = services_.controller.take(
      input::FullSyncStatus{session_, poll.location, poll.incarnation, poll.syncId});
  if (!status.ok()) return wireError(status.error());
  write(poll.syncId, status.value(), context.getResults().initAnswer());
  return kj::READY_NOW;
}

kj::Promise<void> WorkerSessionService::deregister(DeregisterContext) {
  const auto removed = services_.controller.take(input::Deregister{session_});
  if (!removed.ok()) return wireError(removed.error());
  return services_.waiters.committed(removed.value());
}

}  // namespace holdfast
