// What routers ask: who has the longest prefix, who is there.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/queries/worker_walk.h"
#include "core/result.h"
#include "rpc/connection.h"
#include "rpc/guarded.h"
#include "schema/controller.capnp.h"
#include "serving/services.h"

namespace holdfast {

class OrchestratorService final : public Guarded<schema::Orchestrator> {
 public:
  OrchestratorService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : Guarded(services, std::move(connection)) {}

  // orchestrator_lookups.cc
  kj::Promise<void> lookup(LookupContext context) override;
  kj::Promise<void> lookups(LookupsContext context) override;

  kj::Promise<void> instances(InstancesContext context) override;
  kj::Promise<void> queryInstance(QueryInstanceContext context) override;
  kj::Promise<void> queryWorkers(QueryWorkersContext context) override;

  // Cache operations: orchestrator_operations.cc.
  kj::Promise<void> clear(ClearContext context) override;
  kj::Promise<void> pin(PinContext context) override;
  kj::Promise<void> compress(CompressContext context) override;
  kj::Promise<void> decompress(DecompressContext context) override;
  kj::Promise<void> move(MoveContext context) override;
  kj::Promise<void> health(HealthContext context) override;
  kj::Promise<void> checkFinish(CheckFinishContext context) override;
  kj::Promise<void> events(EventsContext context) override;

  // orchestrator_pins.cc
  kj::Promise<void> pins(PinsContext context) override;

 private:
  using Tokens = capnp::List<uint32_t>::Reader;
  static std::optional<Error> invalidEventId(capnp::Text::Reader eventId);
  // Workers of this instance (empty: of all) with these ids (none: all).
  Result<queries::WorkerFilter> filterOf(capnp::Text::Reader instanceId,
                                         capnp::List<uint32_t>::Reader workerIds);
  // Starts the operation, behind those that came before over this connection, and answers when it
  // has ended; with noWait, when it is recorded.
  template <typename Context>
  kj::Promise<void> operate(Context context, OperationRequest request, bool noWait);
  // The same for one that names its chunks.
  template <typename Context>
  kj::Promise<void> operateOn(schema::ChunkSelection::Reader chunks, Context context,
                              OperationRequest request, bool noWait);
  template <typename Context>
  kj::Promise<void> operateOnTokens(Tokens tokens, Context context, OperationRequest request,
                                    bool noWait);
  template <typename Context>
  kj::Promise<void> begin(Context context, OperationRequest request, bool noWait);
  template <typename Context>
  kj::Promise<void> compressOr(OperationKind kind, Context context);

  std::vector<uint64_t> hashes_;   // of a prompt given as tokens, or in an unusual encoding
  std::vector<uint32_t> scratch_;  // of lists in an unusual encoding
};

}  // namespace holdfast
