// What a registered worker calls. The capability may live longer than the session: when it was
// superseded or closed, reports are dropped and other calls say so.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "rpc/connection.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

class WorkerSessionService final : public schema::WorkerSession::Server {
 public:
  WorkerSessionService(Services& services, std::shared_ptr<ConnectionHandle> connection,
                       SessionId session)
      : services_(services), handle_(std::move(connection)), session_(session) {}

  // Every call fails where the controller does not lead (any more): nothing is taken then.
  DispatchCallResult dispatchCall(
      uint64_t interfaceId, uint16_t methodId,
      capnp::CallContext<capnp::AnyPointer, capnp::AnyPointer> context) override;
  // Answered when the store has room for more, so that the peer's flow window is our back-pressure.
  // Throws only for what no honest client sends: then the session has ended, and the worker may
  // register again. A stream call that throws breaks its capability, so every later call says so.
  kj::Promise<void> report(ReportContext context) override;
  kj::Promise<void> heartbeat(HeartbeatContext context) override;
  kj::Promise<void> p2pLookup(P2pLookupContext context) override;
  kj::Promise<void> fullSyncStart(FullSyncStartContext context) override;
  kj::Promise<void> fullSyncBatch(FullSyncBatchContext context) override;
  kj::Promise<void> fullSyncEnd(FullSyncEndContext context) override;
  kj::Promise<void> fullSyncStatus(FullSyncStatusContext context) override;
  kj::Promise<void> deregister(DeregisterContext context) override;

 private:
  // Ends the session; what its calls are answered with from now on.
  kj::Exception malformed(const std::string& what);
  kj::Promise<void> p2pLookupInPieces(P2pLookupContext context);
  kj::Promise<void> answerPeers(P2pLookupContext context, PromptLookup& lookup);

  Services& services_;
  const std::shared_ptr<ConnectionHandle> handle_;
  const SessionId session_;
  std::vector<uint64_t> scratch_;  // used only for lists in an unusual encoding
};

}  // namespace holdfast
