// Calls that take more than a turn of the loop.

#include "orchestrator_fixture.h"

namespace holdfast::test {
namespace {

class LongCallsTest : public OrchestratorTest {
 protected:
  LongCallsTest() : OrchestratorTest(HashSettings{.chunkSize = kChunkSize}) {}
  ~LongCallsTest() noexcept override = default;

  using Request =
      capnp::Request<schema::Orchestrator::LookupParams, schema::Orchestrator::LookupResults>;

  static constexpr uint32_t kChunkSize = 64;
  static constexpr uint32_t kTokens = kChunkSize * 60'000;

  // The chunks of an ever longer prompt, each held by all instances but one, so that no two chunks
  // in a row have the same holders.
  static constexpr uint32_t kInstances = 40;
  static constexpr uint32_t kChunks = 8'000;
  std::vector<uint64_t> holdAlternating() {
    std::vector<uint64_t> chunks(kChunks);
    for (uint32_t i = 0; i < kChunks; ++i) chunks[i] = i + 1;
    for (uint32_t instance = 0; instance < kInstances; ++instance) {
      Registration info = registration("llama-" + std::to_string(instance));
      info.locations.push_back(info.locations[0]);
      info.locations[1].location = "cpu";
      auto session = registerWorker(*peer_, info);
      std::vector<uint64_t> parts[2];
      for (uint32_t i = 0; i < kChunks; ++i) parts[(i + instance) % 3 == 0].push_back(chunks[i]);
      report(session, "gpu", kIncarnation, 1, parts[0]).wait(io.waitScope);
      report(session, "cpu", kIncarnation, 1, parts[1]).wait(io.waitScope);
      sessions_.push_back(kj::mv(session));
    }
    return chunks;
  }
  Request request(Peer& peer, const std::vector<uint64_t>& hashes) {
    auto request = peer.orchestrator().lookupRequest();
    request.initMessage().setHashes(kj::arrayPtr(hashes.data(), hashes.size()));
    return request;
  }
  Request longRequest(Peer& peer) {
    auto request = peer.orchestrator().lookupRequest();
    request.initMessage().initTokens(kTokens);
    return request;
  }

  // A look-up of one chunk, sent over another connection behind whatever was sent before.
  template <typename Then>
  void lookUpBehind(const Then& then) {
    auto one = orchestrator_.lookupRequest();
    one.initMessage().initHashes(1).set(0, 1);
    await(one.send().then([&](auto&&) { then(); }));
  }

  std::unique_ptr<Peer> small_ = connect();
  schema::Orchestrator::Client orchestrator_ = small_->orchestrator();
  std::vector<schema::WorkerSession::Client> sessions_;
};

TEST_F(LongCallsTest, ALookupOfManyHoldersIsAnsweredAsAnyOther) {
  const std::vector<uint64_t> chunks = holdAlternating();
  const auto response = await(request(*peer_, chunks).send());
  const auto layouts = response.getAnswer().getLayoutInfo();
  ASSERT_EQ(layouts.size(), kInstances);
  for (const auto layout : layouts) {
    EXPECT_EQ(layout.getMatchedChunks(), kChunks);
    EXPECT_EQ(layout.getHits()[0].getChunks() + layout.getHits()[1].getChunks(), kChunks);
  }
  auto peers = sessions_[0].p2pLookupRequest();
  peers.initMessage().setHashes(kj::arrayPtr(chunks.data(), chunks.size()));
  const auto found = await(peers.send());
  ASSERT_EQ(found.getAnswer().getLayoutInfo().size(), kInstances - 1);
  EXPECT_EQ(found.getAnswer().getLayoutInfo()[7].getNumHitChunks(), kChunks);
  EXPECT_EQ(registry.counters().lookups, 1u);
  EXPECT_EQ(registry.counters().p2pLookups, 1u);
  EXPECT_EQ(server->services().longCallBytes, 0u);
}

TEST_F(LongCallsTest, SmallOnesOvertakeThem) {
  const std::vector<uint64_t> chunks = holdAlternating();
  const auto asking = connect();
  for (const bool tokens : {false, true}) {
    auto asked = tokens ? longRequest(*asking) : request(*asking, chunks);
    bool answered = false;
    auto all = asked.send().then([&](auto&&) { answered = true; }).eagerlyEvaluate(nullptr);
    lookUpBehind([&]() { EXPECT_FALSE(answered) << (tokens ? "tokens" : "hashes"); });
    await(kj::mv(all));
    EXPECT_TRUE(answered);
  }
}

TEST_F(LongCallsTest, EndWithTheirConnection) {
  const std::vector<uint64_t> chunks = holdAlternating();
  auto asking = connect();
  auto lookup = request(*asking, chunks).send();
  lookUpBehind([&]() {
    EXPECT_EQ(server->services().longCallBytes, chunks.size() * sizeof(ChunkHash));
    asking.reset();
  });
  settle();
  EXPECT_EQ(server->services().connections, 2u);
  EXPECT_EQ(server->services().longCallBytes, 0u);
  EXPECT_EQ(registry.counters().lookups, 1u) << "the small one";
}

}  // namespace
}  // namespace holdfast::test
