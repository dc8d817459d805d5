// POST /v1/lookup and /v1/lookups, on a registry that workers fill over RPC.
#include "http/lookup.h"

#include <simdjson.h>

#include "http/server.h"
#include "tests/hashing/engine.h"
#include "tests/http/http_client.h"
#include "tests/rpc/orchestrator_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;

std::string listOf(const auto& numbers) {
  std::string text = "[";
  for (const auto number : numbers) text += (text.size() == 1 ? "" : ",") + std::to_string(number);
  return text + "]";
}

class HttpLookupTest : public OrchestratorTest {
 protected:
  HttpLookupTest() {
    Services& services = server->services();
    http::addLookups(routes, services);
    http =
        std::make_unique<http::Server>(routes, http::groundsOf(services, io.unixEventPort, bodies));
    httpAddress = "unix:" + (directory / "http").string();
    auto sockets = listenOn(httpAddress);
    http->listen(kj::mv(sockets.value().front()));
    client = std::make_unique<HttpClient>(io, httpAddress);
  }
  ~HttpLookupTest() noexcept override { http->stop(); }

  // As hold(), and the report has been taken: it comes over another connection than what is asked.
  void held(const std::vector<uint32_t>& tokens) {
    hold("llama", 0, tokens);
    settle();
  }
  // The parsed answer; valid until the next.
  simdjson::dom::element ask(const std::string& body, const std::string& path = "/v1/lookup") {
    const HttpAnswer answer = client->ask("POST", path, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    last = answer.body;
    simdjson::dom::element parsed;
    EXPECT_EQ(parser.parse(last).get(parsed), simdjson::SUCCESS) << last;
    return parsed;
  }
  std::string errorOfBody(const std::string& body, const std::string& path = "/v1/lookup") {
    const HttpAnswer answer = client->ask("POST", path, body);
    EXPECT_EQ(answer.status, 400) << answer.body;
    return answer.body;
  }

  SideThread bodies;
  http::RouteTable routes;
  std::unique_ptr<http::Server> http;
  std::string httpAddress;
  std::unique_ptr<HttpClient> client;
  simdjson::dom::parser parser;
  std::string last;
};

TEST_F(HttpLookupTest, FindsWhoHasThePrefix) {
  const std::vector<uint32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  held({1, 2, 3, 4, 5, 6, 7, 8});
  const auto answer = ask(R"({"eventId": "e\"1", "tokens": )" + listOf(tokens) + "}");
  EXPECT_EQ(answer["eventId"].get_string().value(), "e\"1");
  EXPECT_EQ(answer["miss"].get_string().value(), "none");
  EXPECT_EQ(answer["layoutInfo"].get_array().size(), 1u);
  const auto layout = answer["layoutInfo"].at(0);
  EXPECT_EQ(layout["instanceId"].get_string().value(), "llama");
  EXPECT_EQ(layout["location"].get_string().value(), "gpu");
  EXPECT_EQ(layout["matchedEnd"].get_uint64().value(), 8u);
  EXPECT_EQ(layout["matchedChunks"].get_uint64().value(), 2u);
  EXPECT_EQ(layout["allRanksEnd"].get_uint64().value(), 8u);
  EXPECT_EQ(layout["hits"]["gpu"].get_uint64().value(), 2u);
  EXPECT_FALSE(layout["unconfirmed"].get_bool().value());
  EXPECT_EQ(layout["pinnedEnd"].error(), simdjson::NO_SUCH_FIELD);
  EXPECT_EQ(layout["endpoint"]["peerInitUrl"].get_string().value(), "peer:0");
  EXPECT_EQ(layout["endpoint"]["port"].get_uint64().value(), 7000u);
}

TEST_F(HttpLookupTest, TakesHashesAsNumbersAndTexts) {
  const std::vector<uint32_t> tokens = {1, 2, 3, 4};
  held(tokens);
  std::vector<uint64_t> hashes;
  hasher_.hash(tokens, hashes);
  const std::string number = std::to_string(hashes[0]);
  const std::string negative = std::to_string(static_cast<int64_t>(hashes[0]));
  for (const std::string& form : {number, negative, "\"" + number + "\"", "\"" + negative + "\""}) {
    const auto answer =
        ask(R"({"withPins": true, "withoutEndpoints": true, "hashes": [)" + form + "]}");
    const auto layout = answer["layoutInfo"].at(0);
    EXPECT_EQ(layout["matchedChunks"].get_uint64().value(), 1u) << form;
    EXPECT_EQ(layout["pinnedChunks"].get_uint64().value(), 0u) << form;
    EXPECT_EQ(layout["endpoint"].error(), simdjson::NO_SUCH_FIELD);
  }
}

TEST_F(HttpLookupTest, SaysWhyNobodyWasFound) {
  held({1, 2, 3, 4});
  EXPECT_EQ(ask(R"({"tokens": [9, 9, 9, 9]})")["miss"].get_string().value(), "notHeld");
  EXPECT_EQ(ask(R"({"tokens": [9]})")["miss"].get_string().value(), "noChunk");
  const auto unknown = ask(R"({"tokens": [1, 2, 3, 4], "model": "other"})");
  EXPECT_EQ(unknown["miss"].get_string().value(), "unknownModel");
  EXPECT_THAT(std::string(unknown["message"].get_string().value()), HasSubstr("other"));
}

TEST_F(HttpLookupTest, HashesAsTheEnginesOfTheModelDo) {
  Engine engine("a", {.scheme = HashScheme::kVllmSha256Cbor, .blockSize = 16, .seed = "0"});
  StoredBlocks event = engine.prompt(1);
  event.model = registry.tree().defaultModel();
  doctor.stored(event);
  const StoredBlocks salted =
      engine.prompt(2, {.lora = "sql", .loraPath = "/adapters/sql", .salt = "tenant"});
  auto session = registerWorker(*peer_, registration("a"));
  report(session, "gpu", kIncarnation, 1, {salted.hashes[0].last64(), salted.hashes[1].last64()})
      .wait(io.waitScope);
  settle();
  const std::string tokens = R"({"tokens": )" + listOf(salted.tokens);
  EXPECT_EQ(ask(tokens + "}")["miss"].get_string().value(), "notHeld");
  const auto found =
      ask(tokens + R"(, "loraName": "sql", "loraPath": "/adapters/sql", "cacheSalt": "tenant"})");
  EXPECT_EQ(found["layoutInfo"].at(0)["matchedEnd"].get_uint64().value(), 32u);
  const auto unknown = ask(tokens + R"(, "loraName": "sql"})");
  EXPECT_EQ(unknown["miss"].get_string().value(), "cannotHash");
  EXPECT_THAT(std::string(unknown["message"].get_string().value()), HasSubstr("'sql'"));
  EXPECT_THAT(errorOfBody(tokens + R"(, "loraName": ")" + std::string(4'097, 'x') + "\"}"),
              HasSubstr("adapter name of 4097 bytes"));
}

TEST_F(HttpLookupTest, NeedsTokensOrHashesAndNothingElse) {
  EXPECT_THAT(errorOfBody("{}"), HasSubstr("either"));
  EXPECT_THAT(errorOfBody(""), HasSubstr("either"));
  EXPECT_THAT(errorOfBody(R"({"tokens": [1], "hashes": [1]})"), HasSubstr("either"));
  EXPECT_THAT(errorOfBody(R"({"token": [1]})"), HasSubstr(R"(did you mean \"tokens\"?)"));
  EXPECT_THAT(errorOfBody(R"({"tokens": [1], "eventId": "a\nb"})"), HasSubstr("event id"));
}

TEST_F(HttpLookupTest, AnswersALongPromptAsRpcDoes) {
  std::vector<uint32_t> tokens(200'000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i * 7);
  held({tokens.begin(), tokens.begin() + 150'000});
  const size_t heldBefore = server->services().held.total();  // by the peers over RPC
  const auto answer = ask(R"({"tokens": )" + listOf(tokens) + "}");
  EXPECT_EQ(answer["layoutInfo"].at(0)["matchedEnd"].get_uint64().value(), 150'000u);
  // What it took is free again.
  EXPECT_EQ(server->services().longCallBytes, 0u);
  EXPECT_EQ(server->services().held.total(), heldBefore);
  EXPECT_EQ(lookupTokens(tokens).getAnswer().getLayoutInfo()[0].getMatchedEnd(), 150'000u);
}

TEST_F(HttpLookupTest, IsMeasuredWithThoseOfRpc) {
  held({1, 2, 3, 4});
  const uint64_t before = server->services().lookups.count();
  ask(R"({"tokens": [1, 2, 3, 4]})");
  EXPECT_EQ(server->services().lookups.count(), before + 1);
  errorOfBody("{}");
  EXPECT_EQ(server->services().lookups.count(), before + 1);
}

TEST_F(HttpLookupTest, AnswersManyInACall) {
  held({1, 2, 3, 4});
  const auto answer = ask(R"({"lookups": [{"tokens": [1, 2, 3, 4], "eventId": "a"},
                                          {"hashes": [5], "eventId": "b"}]})",
                          "/v1/lookups");
  EXPECT_EQ(answer["answers"].get_array().size(), 2u);
  EXPECT_EQ(answer["answers"].at(0)["layoutInfo"].at(0)["matchedEnd"].get_uint64().value(), 4u);
  EXPECT_EQ(answer["answers"].at(1)["eventId"].get_string().value(), "b");
  EXPECT_EQ(answer["answers"].at(1)["miss"].get_string().value(), "notHeld");
  EXPECT_THAT(errorOfBody(R"({"lookups": [{"tokens": [1]}, {"tokns": [1]}]})", "/v1/lookups"),
              HasSubstr("lookups[1]"));
  EXPECT_THAT(errorOfBody("{}", "/v1/lookups"), HasSubstr("missing"));
}

TEST_F(HttpLookupTest, SaysHowOldItIsAndMayBeTooOld) {
  held({1, 2, 3, 4});
  EXPECT_EQ(ask(R"({"hashes":[1],"maxAgeMs":1})")["role"].get_string().value(), "alone");
  group.now = follower("leader.example:7440", 250);
  const auto answer = ask(R"({"hashes":[1],"maxAgeMs":250})");
  EXPECT_EQ(answer["role"].get_string().value(), "follower");
  EXPECT_EQ(answer["epoch"].get_uint64().value(), 3u);
  EXPECT_EQ(answer["index"].get_uint64().value(), 70u);
  EXPECT_EQ(answer["ageMs"].get_uint64().value(), 250u);
  const HttpAnswer old = client->ask("POST", "/v1/lookup", R"({"hashes":[1],"maxAgeMs":100})");
  EXPECT_EQ(old.status, 503);
  EXPECT_THAT(old.body, HasSubstr("stale by 150 ms"));
  const HttpAnswer many = client->ask(
      "POST", "/v1/lookups", R"({"lookups":[{"hashes":[1]},{"hashes":[2],"maxAgeMs":100}]})");
  EXPECT_EQ(many.status, 503);
}

}  // namespace
}  // namespace holdfast::test
