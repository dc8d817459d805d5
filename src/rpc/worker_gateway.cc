#include "rpc/worker_gateway.h"

#include <optional>
#include <string>
#include <utility>

#include "core/ids.h"
#include "rpc/worker_session.h"
#include "wire/errors.h"
#include "wire/registration.h"
#include "wire/text.h"

namespace holdfast {
namespace {

std::string describe(const HashSettings& s) {
  return "chunk size " + std::to_string(s.chunkSize) + ", algorithm " +
         std::string(hashAlgorithmName(s.algorithm)) + ", NONE_HASH " +
         noneHashText(s.noneHash, s.algorithm) +
         (s.saveUnfullChunk ? ", partial chunks count" : ", partial chunks do not count");
}

// Before anything of it is copied.
std::optional<Error> tooManyListed(schema::RegisterMsg::Reader info) {
  if (info.getLocations().size() > kLocationsPerWorkerMax) {
    return Error{ErrorCode::kInvalid,
                 "a worker may have " + std::to_string(kLocationsPerWorkerMax) +
                     " locations, not " + std::to_string(info.getLocations().size())};
  }
  if (info.getLabels().size() > kLabelsMax) {
    return Error{ErrorCode::kInvalid, "a worker may have " + std::to_string(kLabelsMax) +
                                          " labels, not " +
                                          std::to_string(info.getLabels().size())};
  }
  return std::nullopt;
}

// Why the worker's hashes would never match.
std::optional<Error> hashingDiffers(schema::RegisterMsg::Reader info, const HashSettings& ours,
                                    uint64_t ourSample) {
  if (!info.hasHashing()) return std::nullopt;
  const HashSettings theirs = read(info.getHashing());
  if (theirs == ours) {
    const uint64_t sample = info.getHashing().getSample();
    if (!info.getHashing().getHasSample() || sample == ourSample) return std::nullopt;
    return Error{ErrorCode::kRefused,
                 "the worker hashes the tokens 0 to " + std::to_string(ours.chunkSize - 1) +
                     " to " + noneHashText(sample, ours.algorithm) + ", this controller to " +
                     noneHashText(ourSample, ours.algorithm) + ", with the same settings (" +
                     describe(ours) +
                     "): its Python or its engine hashes in another way, and nothing would ever "
                     "match"};
  }
  // An unknown algorithm has no name to show.
  if (const auto wrong = theirs.validate()) {
    return Error{ErrorCode::kRefused,
                 "the worker's hash settings are not valid: " + wrong->message};
  }
  return Error{ErrorCode::kRefused, "the worker hashes tokens with " + describe(theirs) +
                                        "; this controller with " + describe(ours) +
                                        ": nothing would ever match"};
}

}  // namespace

kj::Promise<void> WorkerGatewayService::register_(RegisterContext context) {
  return services_.crowd.myTurn().then(
      [this, context]() mutable { return registerNow(kj::mv(context)); });
}

// Of the token as it is now: the connection may have got another one while it waited.
std::optional<Error> WorkerGatewayService::refusedTo(std::string_view instance) {
  const Caller& caller = *handle_->caller;
  const Principal& principal = caller.principal;
  auto error = mayNot(principal, Permission::kReport, "WorkerGateway.register");
  AuthFailure failure = AuthFailure::kDenied;
  if (!error && !principal.mayBe(instance)) {
    failure = AuthFailure::kInstance;
    error = {ErrorCode::kDenied, "the token '" + principal.name +
                                     "' is bound to other instances than " +
                                     quotedForPeople(instance) +
                                     ": instances= of its line in the token file says which"};
  }
  if (error) services_.audit.refused(failure, caller, error->message);
  return error;
}

kj::Promise<void> WorkerGatewayService::registerNow(RegisterContext context) {
  Connection* connection = handle_->connection;
  if (connection == nullptr || connection->endsSoon()) {
    return wireError({ErrorCode::kUnavailable, "the connection ended before the registration"});
  }
  const auto params = context.getParams();
  const auto info = params.getInfo();
  if (auto error = refusedTo(viewOf(info.getInstanceId()))) return wireError(*error);
  if (!params.hasWorker()) {
    return wireError(
        {ErrorCode::kInvalid,
         "the registration has no Worker capability, by which the controller tells the "
         "worker to pause, to send again and to sync; pass one, even if it does nothing"});
  }
  if (auto error = tooManyListed(info)) return wireError(*error);
  const auto model = info.getModel().size() != 0 ? viewOf(info.getModel())
                                                 : services_.registry.tree().defaultModel();
  if (auto error = hashingDiffers(info, services_.options.hashing, services_.hashSample)) {
    if (!invalidText("model", model, kModelBytesMax)) {
      services_.hashRefusals.refused(model, error->message);
    }
    return wireError(*error);
  }

  auto link = connection->link(params.getWorker());
  Registration registration = read(info);
  registration.onLaterConnection = services_.registry.tree().openedSince(
      registration.instance, registration.worker, connection->newestSessionAtOpening());
  auto registered = services_.controller.take(input::Register{registration, *link});
  if (!registered.ok()) return wireError(registered.error());
  services_.hashRefusals.taken(model);
  RegisterOutcome outcome = std::move(registered.value());
  connection->add(outcome.session, std::move(link));
  context.releaseParams();

  const Ticket ticket = outcome.ticket;
  return services_.waiters.committed(ticket)
      .then([this]() { return services_.crowd.myTurn(); })
      .then([this, context, outcome = std::move(outcome)]() mutable {
        auto results = context.getResults();
        write(RegistrationAnswer{.decisions = std::move(outcome.decisions),
                                 .hashing = services_.options.hashing,
                                 .hashSample = services_.hashSample,
                                 .heartbeatIntervalMs = services_.options.heartbeatIntervalMs,
                                 .heartbeatTimeoutMs = services_.options.heartbeatTimeoutMs},
              results.initAnswer());
        results.setSession(kj::heap<WorkerSessionService>(services_, handle_, outcome.session));
      });
}

}  // namespace holdfast
