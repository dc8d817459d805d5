// The calls of a router that was written for another indexer, with every field of the answers.
#include <simdjson.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "http/neutral/neutral_routes.h"
#include "http/server.h"
#include "tests/http/http_client.h"
#include "tests/http/source_list.h"
#include "tests/rpc/orchestrator_fixture.h"

namespace holdfast::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class NeutralTest : public OrchestratorTest {
 protected:
  NeutralTest() {
    Services& services = server->services();
    http::addNeutralRoutes(routes, services, &sources);
    http =
        std::make_unique<http::Server>(routes, http::groundsOf(services, io.unixEventPort, bodies));
    httpAddress = "unix:" + (directory / "http").string();
    auto listening = listenOn(httpAddress);
    http->listen(kj::mv(listening.value().front()));
    client = std::make_unique<HttpClient>(io, httpAddress);
  }
  ~NeutralTest() noexcept override { http->stop(); }

  HttpAnswer post(const std::string& path, const std::string& body) {
    return client->ask("POST", path, body);
  }
  void registers(const std::string& id, uint32_t rank, const std::string& more = "") {
    const HttpAnswer answer =
        post("/register", R"({"instance_id":)" + id + R"(,"endpoint":"tcp://10.0.0.1:5557",)" +
                              R"("model_name":"llama","block_size":4,"dp_rank":)" +
                              std::to_string(rank) + more + "}");
    EXPECT_EQ(answer.status, 201) << answer.body;
    EXPECT_EQ(answer.body, R"({"status":"ok"})");
  }
  // What the engine's events would have made: the chunks of `tokens`, in each of its tiers so many
  // from `from` on.
  struct TierOf {
    std::string location;
    size_t from;
    size_t chunks;
  };
  void engineHolds(const std::string& instance, uint32_t rank, const std::vector<uint32_t>& tokens,
                   const std::vector<TierOf>& tiers) {
    Registration info = registration(instance, rank);
    info.model = "llama";
    const LocationStatement statement = info.locations[0];
    info.locations.clear();
    for (const TierOf& tier : tiers) {
      info.locations.push_back(statement);
      info.locations.back().location = tier.location;
    }
    auto session = registerWorker(*peer_, info);
    std::vector<uint64_t> hashes;
    hasher_.hash(tokens, hashes);
    for (const TierOf& tier : tiers) {
      const auto from = hashes.begin() + static_cast<ptrdiff_t>(tier.from);
      report(session, tier.location, kIncarnation, 1,
             {from, from + static_cast<ptrdiff_t>(tier.chunks)})
          .wait(io.waitScope);
    }
    settle();
  }
  static std::string listOf(const std::vector<uint32_t>& numbers) {
    std::string text = "[";
    for (const uint32_t one : numbers) text += (text.size() == 1 ? "" : ",") + std::to_string(one);
    return text + "]";
  }
  // The body of an answer that is sent in chunks, to the end of the connection.
  std::string dump() {
    HttpClient reader(io, httpAddress);
    reader.send(HttpClient::requestOf("GET", "/dump"));
    std::string text = reader.rest();
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK"));
    text.erase(0, text.find("\r\n\r\n") + 4);
    std::string body;
    while (true) {
      const size_t size = std::stoul(text, nullptr, 16);
      if (size == 0) return body;
      text.erase(0, text.find("\r\n") + 2);
      body += text.substr(0, size);
      text.erase(0, size + 2);
    }
  }

  SourceList sources;
  SideThread bodies;
  http::RouteTable routes;
  std::unique_ptr<http::Server> http;
  std::string httpAddress;
  std::unique_ptr<HttpClient> client;
  const std::vector<uint32_t> prompt = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
};

TEST_F(NeutralTest, ARouterRegistersQueriesDumpsAndUnregisters) {
  EXPECT_EQ(client->get("/workers").body, "[]");
  registers("7", 0,
            R"(,"replay_endpoint":"tcp://10.0.0.1:5558","tenant_id":"t","additional_salt":"s")");
  registers("7", 1, R"(,"routing_group":null,"unknown_field":[1])");
  EXPECT_EQ(sources.all.at({"7", 0}).source.replayEndpoint, "tcp://10.0.0.1:5558");
  EXPECT_EQ(sources.all.at({"7", 0}).source.additionalSalt, "s");
  sources.all.at({"7", 0}).connected = true;
  sources.all.at({"7", 0}).position = 41;
  EXPECT_EQ(client->get("/workers").body,
            R"([{"instance_id":7,"source":"zmq","status":"pending","model_name":"llama",)"
            R"("routing_group":"default","block_size":4,)"
            R"("endpoints":{"0":"tcp://10.0.0.1:5557","1":"tcp://10.0.0.1:5557"},)"
            R"("listeners":{"0":{"endpoint":"tcp://10.0.0.1:5557","status":"active",)"
            R"("position":41,"lossy":false},)"
            R"("1":{"endpoint":"tcp://10.0.0.1:5557","status":"pending","lossy":false}}}])");

  engineHolds("7", 0, prompt, {{"GPU", 0, 2}, {"CPU", 2, 1}, {"DISK", 3, 1}});
  engineHolds("7", 1, prompt, {{"GPU", 0, 1}});
  const std::string expected =
      R"({"scores":{"7":{"0":8,"1":4}},"frequencies":[],"instances":{"7":{"longest_matched":16,)"
      R"("gpu":8,"dp":{"0":8,"1":4},"cpu":12,"disk":16}}})";
  const HttpAnswer byTokens = post(
      "/query", R"({"model_name":"llama","lora_name":null,"token_ids":)" + listOf(prompt) + "}");
  EXPECT_EQ(byTokens.status, 200);
  EXPECT_EQ(byTokens.body, expected);
  std::vector<uint64_t> hashes;
  hasher_.hash(prompt, hashes);
  std::string signedHashes;
  for (const uint64_t hash : hashes) {
    signedHashes += (signedHashes.empty() ? "" : ",") + std::to_string(static_cast<int64_t>(hash));
  }
  const HttpAnswer byHash =
      post("/query_by_hash", R"({"model_name":"llama","block_hashes":[)" + signedHashes + "]}");
  EXPECT_EQ(byHash.status, 200);
  EXPECT_EQ(byHash.body, expected);

  const HttpAnswer removed = post("/unregister", R"({"instance_id":7,"model_name":"llama"})");
  EXPECT_EQ(removed.status, 200);
  EXPECT_EQ(removed.body, R"({"status":"ok"})");
  EXPECT_TRUE(sources.all.empty());
}

TEST_F(NeutralTest, AFollowerSaysHowOldItIsAndMayBeTooOld) {
  registers("7", 0);
  engineHolds("7", 0, prompt, {{"GPU", 0, 2}});
  const std::string byTokens = R"({"model_name":"llama","token_ids":)" + listOf(prompt);
  const std::string byHash = R"({"model_name":"llama","block_hashes":[1])";
  group.now = follower("leader.example:7440", 250);
  for (const auto& [path, body] :
       {std::pair{"/query", byTokens}, std::pair{"/query_by_hash", byHash}}) {
    const HttpAnswer answer = post(path, body + R"(,"maxAgeMs":250})");
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(R"("role":"follower","epoch":3,"index":70,"ageMs":250})"));
    const HttpAnswer old = post(path, body + R"(,"maxAgeMs":100})");
    EXPECT_EQ(old.status, 503);
    EXPECT_THAT(old.body, StartsWith(R"({"error":)"));
    EXPECT_THAT(old.body, HasSubstr("stale by 150 ms"));
    EXPECT_EQ(post(path, body + R"(,"maxAgeMs":null})").status, 200);
  }
  // A dump has nowhere to say it but its head.
  HttpClient reader(io, httpAddress);
  reader.send(HttpClient::requestOf("GET", "/dump?maxAgeMs=250"));
  const std::string text = reader.rest();
  EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK"));
  for (const char* header : {"Holdfast-Role: follower", "Holdfast-Epoch: 3", "Holdfast-Index: 70",
                             "Holdfast-Age-Ms: 250"}) {
    EXPECT_THAT(text.substr(0, text.find("\r\n\r\n")), HasSubstr(header));
  }
  const HttpAnswer old = client->get("/dump?maxAgeMs=100");
  EXPECT_EQ(old.status, 503);
  EXPECT_THAT(old.body, HasSubstr("stale by 150 ms"));
  EXPECT_EQ(old.headers.at("holdfast-age-ms"), "250") << "whatever is asked, the head says it";
  group.now.role = ReplicaRole::kBootstrapping;
  EXPECT_EQ(client->get("/dump").status, 503);
  EXPECT_EQ(post("/query", byTokens + "}").status, 503);
  group.now = {};
  const HttpAnswer alone = post("/query", byTokens + R"(,"maxAgeMs":1})");
  EXPECT_EQ(alone.status, 200);
  EXPECT_EQ(alone.headers.count("holdfast-age-ms"), 0u);
  EXPECT_THAT(alone.body, testing::Not(HasSubstr("ageMs")));
}

TEST_F(NeutralTest, WhoHoldsNothingInTheGpuHasNoScore) {
  registers(R"("a-1")", 0);
  engineHolds("a-1", 0, prompt, {{"CPU", 0, 2}});
  EXPECT_EQ(post("/query", R"({"model_name":"llama","token_ids":)" + listOf(prompt) + "}").body,
            R"({"scores":{},"frequencies":[],"instances":{"a-1":{"longest_matched":8,"gpu":0,)"
            R"("dp":{"0":0},"cpu":8,"disk":8}}})");
  EXPECT_EQ(post("/query", R"({"model_name":"llama","token_ids":[9,9,9,9]})").body,
            R"({"scores":{},"frequencies":[],"instances":{}})");
}

TEST_F(NeutralTest, TheSameAgainIsFineAndOtherValuesAreAConflict) {
  registers("7", 0);
  registers("7", 0);
  registers(R"("7")", 0);
  const auto conflict = [&](const std::string& body) {
    const HttpAnswer answer = post("/register", body);
    EXPECT_EQ(answer.status, 409) << answer.body;
    EXPECT_THAT(answer.body, StartsWith(R"({"error":")"));
    return answer.body;
  };
  conflict(
      R"({"instance_id":7,"endpoint":"tcp://10.0.0.2:5557","model_name":"llama","block_size":4})");
  EXPECT_THAT(conflict(R"({"instance_id":7,"dp_rank":1,"endpoint":"tcp://10.0.0.1:5558",)"
                       R"("model_name":"other","block_size":4})"),
              HasSubstr("registered with model"));
  EXPECT_THAT(conflict(R"({"instance_id":8,"endpoint":"tcp://10.0.0.1:5558",)"
                       R"("model_name":"llama","block_size":16})"),
              HasSubstr("blocks of 4 tokens, not 16"));
  EXPECT_EQ(sources.all.size(), 1u);
  // In another group it may be another one.
  registers("9", 0, R"(,"routing_group":"blue")");
}

TEST_F(NeutralTest, ErrorsAreATextWithAStatus) {
  registers("7", 0);
  engineHolds("7", 0, prompt, {{"GPU", 0, 2}});
  const auto is = [&](int status, const std::string& path, const std::string& body,
                      const std::string& part) {
    const HttpAnswer answer = post(path, body);
    EXPECT_EQ(answer.status, status) << path << body << answer.body;
    EXPECT_THAT(answer.body, StartsWith(R"({"error":")")) << body;
    EXPECT_THAT(answer.body, HasSubstr(part));
  };
  is(400, "/register", "{}", "instance_id");
  is(400, "/register", R"({"instance_id":1.5})", "string or a whole number");
  is(400, "/register", R"({"instance_id":1,"endpoint":"x","model_name":"m","block_size":0})",
     "block_size");
  is(400, "/register", R"({"instance_id":1,"endpoint":"x","model_name":"m","block_size":4})",
     "no address");
  is(400, "/query", R"({"model_name":"llama"})", "token_ids");
  is(400, "/query", "{", "malformed");
  is(404, "/query", R"({"model_name":"other","token_ids":[1,2,3,4]})", "other");
  is(404, "/query_by_hash", R"({"model_name":"other","block_hashes":[1]})", "other");
  is(400, "/query_by_hash", R"({"model_name":"llama","block_hashes":[1],"cache_salt":"s"})",
     "cache_salt");
  is(404, "/unregister", R"({"instance_id":8,"model_name":"llama"})", "not registered");
  is(404, "/unregister", R"({"instance_id":7,"dp_rank":3,"model_name":"llama"})", "dp_rank 3");
  is(404, "/unregister", R"({"instance_id":7,"model_name":"other"})", "registered with model");
  is(404, "/unregister", R"({"instance_id":7,"model_name":"llama","routing_group":"blue"})",
     "routing group");
  EXPECT_EQ(sources.all.size(), 1u);
}

TEST_F(NeutralTest, GroupsAreApart) {
  registers("1", 0);
  registers("2", 0, R"(,"routing_group":"blue")");
  engineHolds("1", 0, prompt, {{"GPU", 0, 1}});
  engineHolds("2", 0, prompt, {{"GPU", 0, 2}});
  const std::string tokens = R"({"model_name":"llama","token_ids":)" + listOf(prompt);
  EXPECT_THAT(post("/query", tokens + "}").body, StartsWith(R"({"scores":{"1":{"0":4}},)"));
  EXPECT_THAT(post("/query", tokens + R"(,"routing_group":"blue"})").body,
              StartsWith(R"({"scores":{"2":{"0":8}},)"));
  EXPECT_THAT(client->get("/workers?routing_group=blue").body, StartsWith(R"([{"instance_id":2,)"));
  EXPECT_EQ(client->get("/workers?model_name=other").body, "[]");
  // Errors are texts whoever notices them: the route, or the door before it.
  for (const char* wrong : {"/workers?model=other", "/workers?model_name=%zz"}) {
    const auto refused = client->get(wrong);
    EXPECT_EQ(refused.status, 400) << wrong;
    EXPECT_THAT(refused.body, StartsWith(R"({"error":")")) << wrong;
  }
  const std::string text = dump();
  EXPECT_THAT(text, StartsWith(R"({"llama:default":{"block_size":4,"events":[{"worker_id":1,)"));
  EXPECT_THAT(text, HasSubstr(R"("llama:blue":{"block_size":4,"events":[{"worker_id":2,)"));
}

TEST_F(NeutralTest, ALongPromptIsAnsweredInPieces) {
  std::vector<uint32_t> tokens(150'000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i * 7);
  engineHolds("7", 0, {tokens.begin(), tokens.begin() + 120'000}, {{"GPU", 0, 30'000}});
  EXPECT_THAT(post("/query", R"({"model_name":"llama","token_ids":)" + listOf(tokens) + "}").body,
              StartsWith(R"({"scores":{"7":{"0":120000}},)"));
  EXPECT_EQ(server->services().longCallBytes, 0u);
}

TEST_F(NeutralTest, ADumpHasEverythingThatIsHeld) {
  registers("7", 0);
  std::vector<uint32_t> tokens(size_t{4} * 5'000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i);
  engineHolds("7", 0, tokens, {{"GPU", 0, 5'000}, {"CPU_PINNED", 0, 100}});
  engineHolds("native", 3, prompt, {{"disk", 0, 4}});
  simdjson::dom::parser parser;
  simdjson::dom::element document;
  const std::string text = dump();
  ASSERT_EQ(parser.parse(text).get(document), simdjson::SUCCESS) << text.substr(0, 500);
  EXPECT_EQ(document["llama:default"]["block_size"].get_uint64().value(), 4u);
  std::map<std::string, std::vector<uint64_t>> held;
  uint64_t next = 0;
  const simdjson::dom::array events = document["llama:default"]["events"].get_array();
  for (const simdjson::dom::element event : events) {
    const auto inner = event["event"];
    EXPECT_EQ(inner["event_id"].get_uint64().value(), next++);
    EXPECT_TRUE(inner["data"]["stored"]["parent_hash"].is_null());
    const std::string key = simdjson::minify(event["worker_id"]) + " " +
                            std::to_string(inner["dp_rank"].get_uint64().value()) + " " +
                            std::string(event["storage_tier"].get_string().value()) + " " +
                            std::string(event["location"].get_string().value());
    const simdjson::dom::array blocks = inner["data"]["stored"]["blocks"].get_array();
    for (const simdjson::dom::element block : blocks) {
      held[key].push_back(block["block_hash"].get_uint64().value());
    }
  }
  std::vector<uint64_t> hashes;
  hasher_.hash(tokens, hashes);
  const auto sorted = [](std::vector<uint64_t> all) {
    std::sort(all.begin(), all.end());
    return all;
  };
  EXPECT_EQ(sorted(held["7 0 device GPU"]), sorted(hashes));
  EXPECT_EQ(sorted(held["7 0 host_pinned CPU_PINNED"]),
            sorted({hashes.begin(), hashes.begin() + 100}));
  EXPECT_EQ(held["\"native\" 3 disk disk"].size(), 4u);
  EXPECT_EQ(held.size(), 3u);
}

TEST_F(NeutralTest, OnlySoManyDumpsAreReadAtATime) {
  // More than sockets take of a peer that does not read.
  std::vector<uint32_t> tokens(size_t{4} * 40'000);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<uint32_t>(i);
  engineHolds("7", 0, tokens, {{"GPU", 0, 40'000}});
  std::vector<std::unique_ptr<HttpClient>> readers;
  for (int i = 0; i < 4; ++i) {
    readers.push_back(std::make_unique<HttpClient>(io, httpAddress));
    readers.back()->send(HttpClient::requestOf("GET", "/dump"));
    EXPECT_EQ(readers.back()->take(1), "H");
  }
  const HttpAnswer refused = client->get("/dump");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("4 dumps are being read"));
  EXPECT_EQ(post("/query", R"({"model_name":"llama","token_ids":[0,1,2,3]})").status, 200);
  readers.pop_back();
  EXPECT_THAT(dump(), StartsWith(R"({"llama:default":)"));
}

}  // namespace
}  // namespace holdfast::test
