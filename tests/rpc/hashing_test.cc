// Look-ups by tokens of models whose engines publish what they store, and what operators see of how
// these hash.
#include "orchestrator_fixture.h"
#include "tests/hashing/engine.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

class HashingTest : public OrchestratorTest {
 protected:
  static HashProfile vllm(std::optional<std::string> seed = {}) {
    return {.scheme = HashScheme::kVllmSha256, .blockSize = 16, .seed = std::move(seed)};
  }
  // An engine publishes what a worker of the same name holds: the prompt.
  StoredBlocks store(Engine& engine, size_t blocks, const PromptKeys& keys = {}) {
    StoredBlocks event = engine.prompt(blocks, keys);
    event.model = registry.tree().defaultModel();
    doctor.stored(event);
    return event;
  }
  void hold(const StoredBlocks& event) {
    auto session = registerWorker(*peer_, registration(event.source.instance));
    std::vector<uint64_t> keys;
    for (const BlockHash& hash : event.hashes) keys.push_back(hash.last64());
    report(session, "gpu", kIncarnation, 1, keys).wait(io.waitScope);
  }
  auto lookup(const std::vector<uint32_t>& tokens, const PromptKeys& keys = {}) {
    auto request = peer_->orchestrator().lookupRequest();
    auto message = request.initMessage();
    message.setTokens(kj::arrayPtr(tokens.data(), tokens.size()));
    message.setLoraName(textOf(keys.lora));
    message.setLoraPath(textOf(keys.loraPath));
    message.setCacheSalt(textOf(keys.salt));
    return await(request.send());
  }
};

TEST_F(HashingTest, ALookupByTokensHashesAsTheEnginesDo) {
  Engine engine("a", vllm("42"));
  StoredBlocks event = store(engine, 3);
  hold(event);
  event.tokens.push_back(7);  // of a block that is not whole
  const auto response = lookup(event.tokens);
  ASSERT_EQ(response.getAnswer().getLayoutInfo().size(), 1u);
  EXPECT_EQ(response.getAnswer().getLayoutInfo()[0].getMatchedEnd(), 48u);
  EXPECT_EQ(response.getAnswer().getLayoutInfo()[0].getMatchedChunks(), 3u);
  // Of a model of which nothing was learned, the controller's settings say how.
  auto other = peer_->orchestrator().lookupRequest();
  other.initMessage().setModel("other");
  other.getMessage().setTokens(kj::arrayPtr(event.tokens.data(), 3));
  EXPECT_EQ(viewOf(await(other.send()).getAnswer().getMessage()),
            "the prompt has 3 tokens, fewer than a chunk, which has 4");
  // Too few for a block of its engines.
  EXPECT_EQ(viewOf(lookup({1, 2, 3}).getAnswer().getMessage()),
            "the prompt has 3 tokens, fewer than a chunk, which has 16");
}

TEST_F(HashingTest, ALongPromptInPiecesAndManyInACallDoSo) {
  Engine engine("a", vllm());
  const StoredBlocks event = store(engine, 1'000);
  EXPECT_EQ(doctor.hasherOf(event.model), nullptr) << "more than a sample";
  const StoredBlocks sample = store(engine, 1);
  ASSERT_NE(doctor.hasherOf(event.model), nullptr);
  hold(event);
  const auto whole = lookup(event.tokens);
  ASSERT_EQ(whole.getAnswer().getLayoutInfo().size(), 1u);
  EXPECT_EQ(whole.getAnswer().getLayoutInfo()[0].getMatchedEnd(), 16'000u);
  auto many = peer_->orchestrator().lookupsRequest();
  auto list = many.initMessage().initLookups(3);
  for (auto one : list) one.setTokens(kj::arrayPtr(event.tokens.data(), event.tokens.size()));
  const auto answers = await(many.send());
  for (const auto answer : answers.getAnswer().getAnswers()) {
    ASSERT_EQ(answer.getLayoutInfo().size(), 1u);
    EXPECT_EQ(answer.getLayoutInfo()[0].getMatchedEnd(), 16'000u);
  }
}

TEST_F(HashingTest, SaltAndAdapterAreHashedWithTheTokens) {
  Engine engine("a", vllm());
  store(engine, 1);
  const PromptKeys keys{.lora = "sql", .loraPath = "/adapters/sql", .salt = "tenant"};
  const StoredBlocks event = engine.prompt(2, keys);
  hold(event);
  EXPECT_EQ(lookup(event.tokens, keys).getAnswer().getLayoutInfo().size(), 1u);
  EXPECT_EQ(lookup(event.tokens).getAnswer().getMiss(), schema::LookupMiss::NOT_HELD);
  const auto unknown = lookup(event.tokens, {.lora = "sql", .salt = "tenant"});
  EXPECT_EQ(unknown.getAnswer().getMiss(), schema::LookupMiss::CANNOT_HASH);
  EXPECT_THAT(std::string(viewOf(unknown.getAnswer().getMessage())),
              testing::AllOf(HasSubstr("'sql'"), HasSubstr("path")));
  auto request = peer_->orchestrator().lookupRequest();
  request.initMessage().setCacheSalt(std::string(4'097, 'x'));
  request.getMessage().initTokens(16);
  EXPECT_THAT(errorOf(request.send()), HasSubstr("cache salt of 4097 bytes, at most 4096"));
}

TEST_F(HashingTest, OperatorsSeeWhoDiffers) {
  Engine one("a", vllm("0"));
  Engine two("b", vllm("42"));
  store(one, 2);
  store(two, 2);
  auto request = peer_->op().hashingRequest();
  request.initMessage();
  const auto response = await(request.send());
  const auto answer = response.getAnswer();
  ASSERT_EQ(answer.getModels().size(), 1u);
  EXPECT_EQ(viewOf(answer.getModels()[0].getAlgorithm()), "sha256");
  EXPECT_EQ(viewOf(answer.getModels()[0].getSeed()), "0");
  EXPECT_EQ(answer.getModels()[0].getBlockSize(), 16u);
  EXPECT_TRUE(answer.getModels()[0].getLookups());
  ASSERT_EQ(answer.getSources().size(), 2u);
  EXPECT_EQ(viewOf(answer.getSources()[0].getInstanceId()), "b") << "those in trouble first";
  EXPECT_THAT(std::string(viewOf(answer.getSources()[0].getTrouble())),
              HasSubstr("PYTHONHASHSEED is 42, the others' 0"));
  EXPECT_EQ(answer.getSources()[0].getState(), schema::HashingRetMsg::State::FITS);
  EXPECT_EQ(answer.getSources()[1].getFittedBlocks(), 2u);
  EXPECT_EQ(viewOf(answer.getSources()[1].getTrouble()), "");
  EXPECT_EQ(answer.getSourcesLeftOut(), 0u);
  request = peer_->op().hashingRequest();
  request.initMessage().setMaxSources(1);
  EXPECT_EQ(await(request.send()).getAnswer().getSourcesLeftOut(), 1u);
  EXPECT_EQ(notices.count<notice::HashingDiffers>(), 1u);
}

}  // namespace
}  // namespace holdfast::test
