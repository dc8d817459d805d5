// What routers ask: who has the longest prefix, who is there.
#pragma once

#include <vector>

#include "core/result.h"
#include "rpc/services.h"
#include "schema/controller.capnp.h"

namespace holdfast {

class OrchestratorService final : public schema::Orchestrator::Server {
 public:
  explicit OrchestratorService(Services& services) : services_(services) {}

  kj::Promise<void> lookup(LookupContext context) override;
  kj::Promise<void> queryInstance(QueryInstanceContext context) override;
  kj::Promise<void> queryWorkers(QueryWorkersContext context) override;

 private:
  // The chunks that a look-up asks for, and how many tokens stand behind them.
  struct Prompt {
    std::span<const uint64_t> hashes;
    uint64_t tokens = 0;  // 0: asked by hashes
  };
  Result<Prompt> promptOf(schema::LookupMsg::Reader message);
  // Tokens that the first `chunks` chunks of a prompt cover; the last may be a partial one.
  uint64_t tokensOf(const Prompt& prompt, uint32_t chunks) const;

  Services& services_;
  std::vector<uint64_t> hashes_;   // of a prompt given as tokens, or in an unusual encoding
  std::vector<uint32_t> scratch_;  // of lists in an unusual encoding
};

}  // namespace holdfast
