// What a registered worker calls. The capability may live longer than the session: when it was
// superseded or closed, reports are dropped and other calls say so.
#pragma once

#include <vector>

#include "rpc/services.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class WorkerSessionService final : public schema::WorkerSession::Server {
 public:
  WorkerSessionService(Services& services, SessionId session)
      : services_(services), session_(session) {}

  // Answered when the store has room for more, so that the peer's flow window is our back-pressure.
  // Throws, and thereby breaks this capability, only for what no honest client sends.
  kj::Promise<void> report(ReportContext context) override;
  kj::Promise<void> heartbeat(HeartbeatContext context) override;
  kj::Promise<void> p2pLookup(P2pLookupContext context) override;
  kj::Promise<void> fullSyncStart(FullSyncStartContext context) override;
  kj::Promise<void> fullSyncBatch(FullSyncBatchContext context) override;
  kj::Promise<void> fullSyncEnd(FullSyncEndContext context) override;
  kj::Promise<void> fullSyncStatus(FullSyncStatusContext context) override;
  kj::Promise<void> deregister(DeregisterContext context) override;

 private:
  Services& services_;
  const SessionId session_;
  std::vector<uint64_t> scratch_;  // used only for lists in an unusual encoding
};

}  // namespace holdfast
