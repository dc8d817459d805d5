// What a Reporter has as long as a connection. For its own files only.
#pragma once

#include <memory>
#include <optional>

#include "client/freezes.h"
#include "client/full_sync_sender.h"
#include "client/reporter.h"
#include "schema/controller.capnp.h"

namespace holdfast {

struct Reporter::Live final : private kj::TaskSet::ErrorHandler {
  Live(schema::WorkerGateway::Client grantedGateway, const Freezes::Callback& onFreeze)
      : gateway(kj::mv(grantedGateway)), freezes(onFreeze), lookups(*this) {}
  ~Live() {
    if (owner) *owner = nullptr;
  }
  void taskFailed(kj::Exception&&) override {}

  schema::WorkerGateway::Client gateway;
  std::optional<schema::WorkerSession::Client> session;
  uint64_t registrations = 0;        // begun
  std::shared_ptr<Reporter*> owner;  // of the present registration's Worker capability
  kj::Own<kj::PromiseFulfiller<void>> wakePump;
  kj::Own<kj::PromiseFulfiller<void>> wakeBeat;
  uint32_t hurriedBeatMs = 0;  // wait before the next heartbeat; 0: the interval
  bool firstBeat = true;       // the next one is
  Freezes freezes;
  kj::TaskSet lookups;
  std::unique_ptr<FullSyncSender> fullSyncs;  // of the session
  // Last: they refer to the others.
  kj::Promise<void> pump = nullptr;
  kj::Promise<void> beat = nullptr;
};

}  // namespace holdfast
