#include "client/full_sync_sender.h"

#include <utility>
#include <variant>

#include "client/connection_error.h"
#include "client/stream_calls.h"
#include "wire/full_sync.h"

namespace holdfast {

FullSyncSender::FullSyncSender(ClientShared& shared, User& user,
                               schema::WorkerSession::Client session)
    : shared_(shared), user_(user), session_(kj::mv(session)), calls_(*this) {}

std::optional<kj::Promise<void>> FullSyncSender::sendNext(uint64_t nowMs) {
  std::optional<Send> send;
  {
    // Written under the lock: a batch's keys are the state machine's.
    const MutexLock lock(shared_.mutex);
    if (const auto message = shared_.machine.nextSync(nowMs)) {
      send = std::visit([&](const auto& each) { return toSend(each); }, *message);
    }
  }
  if (!send) return std::nullopt;
  return (*send)();
}

FullSyncSender::Send FullSyncSender::toSend(const FullSyncStart& start) {
  auto request = session_.fullSyncStartRequest();
  write(start, request.initMessage());
  return [this, request = kj::mv(request), location = start.location,
          id = start.syncId]() mutable -> kj::Promise<void> {
    calls_.add(request.send().then([this, location, id](auto&& results) {
      started(location, id, read(results.getAnswer()));
    }));
    return kj::READY_NOW;
  };
}

FullSyncSender::Send FullSyncSender::toSend(const FullSyncBatch& batch) {
  return [request = makeFullSyncBatch(session_, batch)]() mutable { return request.send(); };
}

FullSyncSender::Send FullSyncSender::toSend(const FullSyncEnd& end) {
  auto request = session_.fullSyncEndRequest();
  write(end, request.initMessage());
  return toAsk(kj::mv(request), end.location, end.syncId);
}

FullSyncSender::Send FullSyncSender::toSend(const FullSyncPoll& poll) {
  auto request = session_.fullSyncStatusRequest();
  write(poll, request.initMessage());
  return toAsk(kj::mv(request), poll.location, poll.syncId);
}

// An end and a question for the status have the same answer.
template <typename Request>
FullSyncSender::Send FullSyncSender::toAsk(Request request, const std::string& location,
                                           uint64_t syncId) {
  return [this, request = kj::mv(request), location, syncId]() mutable -> kj::Promise<void> {
    calls_.add(request.send().then([this, location, syncId](auto&& results) {
      answered(location, syncId, read(results.getAnswer()));
    }));
    return kj::READY_NOW;
  };
}

void FullSyncSender::started(const std::string& location, uint64_t syncId,
                             const FullSyncStartOutcome& answer) {
  {
    const MutexLock lock(shared_.mutex);
    shared_.machine.fullSyncStarted(location, syncId, answer);
  }
  user_.fullSyncAdvanced(false);
}

void FullSyncSender::answered(const std::string& location, uint64_t syncId,
                              const FullSyncStatus& answer) {
  bool complete = false;
  {
    const MutexLock lock(shared_.mutex);
    complete = shared_.machine.fullSyncAnswered(location, syncId, answer, steadyNowMs());
  }
  if (answer.canExitFreeze) user_.freezeMayEnd(location);
  user_.fullSyncAdvanced(complete);
}

void FullSyncSender::taskFailed(kj::Exception&& exception) {
  user_.sessionFailed(toError(exception, shared_.options.controller));
}

}  // namespace holdfast
