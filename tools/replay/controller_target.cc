#include "replay/controller_target.h"

#include <utility>

#include "core/operations/operation_request.h"

namespace holdfast::replay {
namespace {

// Operations on caches are answered when the ranks have answered.
constexpr reach::Patience kPatience{60'000};

// A worker that does nothing: what it did is in the log.
class SilentWorker final : public schema::Worker::Server {
 public:
  kj::Promise<void> pause(PauseContext) override { return kj::READY_NOW; }
  kj::Promise<void> resume(ResumeContext) override { return kj::READY_NOW; }
  kj::Promise<void> superseded(SupersededContext) override { return kj::READY_NOW; }
  kj::Promise<void> startFullSync(StartFullSyncContext) override { return kj::READY_NOW; }
};

}  // namespace

struct ControllerTarget::Session {
  std::unique_ptr<reach::Connection> connection;
  schema::WorkerSession::Client session{nullptr};
};

ControllerTarget::ControllerTarget(const std::string& address, const ClientSecurity& security)
    : address_(address), security_(security), io_(kj::setupAsyncIo()), asking_(connect()) {}

ControllerTarget::~ControllerTarget() = default;

std::unique_ptr<reach::Connection> ControllerTarget::connect() {
  return std::make_unique<reach::Connection>(io_, address_, security_, reach::kUsualPatience);
}

void ControllerTarget::settle(kj::Promise<void> call) {
  try {
    asking_->await(kj::mv(call), kPatience);
  } catch (const reach::Refused&) {
    // An answer like others: the controller that was captured may have given it, too.
  }
}

void ControllerTarget::registerWorker(schema::CaptureEntry::Reader entry) {
  auto session = std::make_unique<Session>();
  session->connection = connect();
  auto request = session->connection->worker().registerRequest();
  request.setInfo(entry.getRegister());
  request.setWorker(kj::heap<SilentWorker>());
  bool taken = false;
  settle(request.send().then([&](auto&& answer) {
    session->session = answer.getSession();
    taken = true;
  }));
  if (taken && entry.getSession() != 0) sessions_[entry.getSession()] = std::move(session);
}

void ControllerTarget::takeWorkerMessage(Session& session, schema::CaptureEntry::Reader entry) {
  schema::WorkerSession::Client& to = session.session;
  const auto forward = [this](auto request, auto message) {
    request.setMessage(message);
    call(request);
  };
  switch (entry.which()) {
    case schema::CaptureEntry::HEARTBEAT:
      return forward(to.heartbeatRequest(), entry.getHeartbeat());
    case schema::CaptureEntry::FULL_SYNC_START:
      return forward(to.fullSyncStartRequest(), entry.getFullSyncStart());
    case schema::CaptureEntry::FULL_SYNC_END:
      return forward(to.fullSyncEndRequest(), entry.getFullSyncEnd());
    case schema::CaptureEntry::FULL_SYNC_STATUS:
      return forward(to.fullSyncStatusRequest(), entry.getFullSyncStatus());
    case schema::CaptureEntry::P2P_LOOKUP:
      return forward(to.p2pLookupRequest(), entry.getP2pLookup());
    case schema::CaptureEntry::REPORT: {
      auto request = to.reportRequest();
      request.setMessage(entry.getReport());
      return settle(request.send());
    }
    case schema::CaptureEntry::FULL_SYNC_BATCH: {
      auto request = to.fullSyncBatchRequest();
      request.setMessage(entry.getFullSyncBatch());
      return settle(request.send());
    }
    case schema::CaptureEntry::DEREGISTER:
      return call(to.deregisterRequest());
    case schema::CaptureEntry::CONNECTION_CLOSED:
    case schema::CaptureEntry::SESSION_FAILED:
      sessions_.erase(entry.getSession());
      return;
    default:
      return;
  }
}

void ControllerTarget::operate(schema::CaptureOperation::Reader operation) {
  auto orchestrator = asking_->orchestrator();
  const auto select = [&](schema::ChunkSelection::Builder chunks) {
    chunks.setModel(operation.getModel());
    if (operation.getAllChunks()) {
      chunks.setAll();
    } else {
      chunks.setHashes(operation.getChunks());
    }
  };
  const auto common = [&](auto message) {
    message.setEventId(operation.getEventId());
    message.setInstanceId(operation.getInstance());
    message.setLocation(operation.getLocation());
    message.setNoWait(true);
  };
  const auto compress = [&](auto request) {
    auto message = request.initMessage();
    common(message);
    message.setMethod(operation.getMethod());
    select(message.initChunks());
    call(request);
  };
  switch (static_cast<OperationKind>(operation.getKind())) {
    case OperationKind::kClear: {
      auto request = orchestrator.clearRequest();
      common(request.initMessage());
      return call(request);
    }
    case OperationKind::kPin: {
      auto request = orchestrator.pinRequest();
      auto message = request.initMessage();
      common(message);
      message.setTtlSeconds(operation.getTtlSeconds());
      select(message.initChunks());
      return call(request);
    }
    case OperationKind::kCompress:
      return compress(orchestrator.compressRequest());
    case OperationKind::kDecompress:
      return compress(orchestrator.decompressRequest());
    case OperationKind::kMove: {
      auto request = orchestrator.moveRequest();
      auto message = request.initMessage();
      message.setEventId(operation.getEventId());
      message.initOldPosition().setInstanceId(operation.getInstance());
      message.getOldPosition().setLocation(operation.getLocation());
      message.initNewPosition().setInstanceId(operation.getToInstance());
      message.getNewPosition().setLocation(operation.getToLocation());
      select(message.initChunks());
      message.setCopy(operation.getCopy());
      message.setNoWait(true);
      return call(request);
    }
    case OperationKind::kHealth:
      return;  // nothing remains of it
  }
}

void ControllerTarget::take(schema::CaptureEntry::Reader entry) {
  auto op = asking_->op();
  switch (entry.which()) {
    case schema::CaptureEntry::REGISTER:
      return registerWorker(entry);
    case schema::CaptureEntry::LOOKUP: {
      auto request = asking_->orchestrator().lookupRequest();
      auto message = request.initMessage();
      message.setModel(entry.getLookup().getModel());
      message.setHashes(entry.getLookup().getHashes());
      message.setWithPins(entry.getLookup().getWithPins());
      return call(request);
    }
    case schema::CaptureEntry::OPERATION:
      return operate(entry.getOperation());
    case schema::CaptureEntry::FORCE_SYNC: {
      auto request = op.forceSyncRequest();
      request.setMessage(entry.getForceSync());
      return call(request);
    }
    case schema::CaptureEntry::FORGET: {
      auto request = op.forgetRequest();
      request.setMessage(entry.getForget());
      return call(request);
    }
    case schema::CaptureEntry::DRAIN: {
      auto request = op.drainRequest();
      request.setMessage(entry.getDrain());
      return call(request);
    }
    default:
      break;
  }
  const auto session = sessions_.find(entry.getSession());
  if (session != sessions_.end()) takeWorkerMessage(*session->second, entry);
}

ControllerTarget::State ControllerTarget::state() {
  auto op = asking_->op();
  while (true) {
    const auto answer = asking_->call(op.statusRequest(), kPatience);
    const auto status = answer.getAnswer();
    if (!status.getCommitted()) {
      io_.provider->getTimer().afterDelay(10 * kj::MILLISECONDS).wait(io_.waitScope);
      continue;
    }
    return {.registryDigest = std::string(viewOf(status.getRegistryDigest())),
            .contentDigest = std::string(viewOf(status.getContentDigest())),
            .counters = read(status.getCounters())};
  }
}

}  // namespace holdfast::replay
