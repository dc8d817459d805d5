// Workers that hold the chunks of token lists, and look-ups by tokens.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "server_fixture.h"

namespace holdfast::test {

class OrchestratorTest : public ServerTest {
 protected:
  OrchestratorTest() : OrchestratorTest(HashSettings{.chunkSize = 4}) {}
  explicit OrchestratorTest(const HashSettings& hashing)
      : ServerTest(ServerOptions{.hashing = hashing}), hasher_(hashing), peer_(connect()) {}

  // Registers a worker that holds the chunks of these tokens.
  void hold(const std::string& instance, uint32_t worker, const std::vector<uint32_t>& tokens,
            uint32_t worldSize = 0) {
    Registration info = registration(instance, worker);
    info.worldSize = worldSize;
    info.ip = "10.0.0." + std::to_string(worker);
    auto session = registerWorker(*peer_, info);
    std::vector<uint64_t> hashes;
    hasher_.hash(tokens, hashes);
    report(session, "gpu", kIncarnation, 1, hashes).wait(io.waitScope);
  }
  auto lookupTokens(const std::vector<uint32_t>& tokens) {
    auto request = peer_->orchestrator().lookupRequest();
    auto message = request.initMessage();
    message.setEventId("event-1");
    message.setTokens(kj::arrayPtr(tokens.data(), tokens.size()));
    return await(request.send());
  }

  TokenHasher hasher_;
  std::unique_ptr<Peer> peer_;
};

}  // namespace holdfast::test
