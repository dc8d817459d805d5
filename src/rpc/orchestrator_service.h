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
#include "serving/long_lookup.h"
#include "serving/services.h"

namespace holdfast {

class OrchestratorService final : public Guarded<schema::Orchestrator> {
 public:
  OrchestratorService(Services& services, std::shared_ptr<ConnectionHandle> connection)
      : Guarded(services, std::move(connection)) {}

  kj::Promise<void> lookup(LookupContext context) override;
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
  // The chunks that a look-up asks for, and the tokens behind them. Valid until the next one.
  struct Prompt {
    std::span<const uint64_t> hashes;
    std::span<const uint32_t> tokens;  // none: asked by hashes
  };
  using Tokens = capnp::List<uint32_t>::Reader;
  // Why there are too many of them.
  std::optional<Error> tooMany(Tokens tokens) const;
  // The chunks of a list of tokens, into hashes_.
  Prompt promptOf(Tokens tokens);
  static bool isLong(Tokens tokens) { return tokens.size() > kTokensPerTurn; }
  kj::Promise<void> lookupTokensInPieces(LookupContext context, Tokens tokens);
  kj::Promise<void> lookupHashesInPieces(LookupContext context);
  // The rest of a long one, whose turn it is.
  kj::Promise<void> lookupInPieces(LookupContext context, kj::Own<LongLookup> lookup,
                                   Prompt prompt);
  void answerLookup(LookupContext context, std::span<const LookupMatch> matches,
                    const Prompt& prompt);
  // Tokens that the first `chunks` chunks of a prompt cover; the last may be a partial one.
  uint64_t tokensOf(const Prompt& prompt, uint32_t chunks) const;
  // Says in the answer to a look-up why nobody was found.
  void explainMiss(schema::LookupMsg::Reader message, const Prompt& prompt,
                   schema::LookupRetMsg::Builder answer) const;

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
  kj::Promise<void> answerWhenSettled(Context context, const Event& event);
  template <typename Context>
  kj::Promise<void> compressOr(OperationKind kind, Context context);

  std::vector<uint64_t> hashes_;   // of a prompt given as tokens, or in an unusual encoding
  std::vector<uint32_t> scratch_;  // of lists in an unusual encoding
};

}  // namespace holdfast
