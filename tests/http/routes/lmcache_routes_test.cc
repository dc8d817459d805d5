// The routes of LMCache's controller: bodies and answers field by field.
#include <algorithm>
#include <numeric>

#include "http/lmcache/routes.h"
#include "tests/http/routes/routes_fixture.h"

namespace holdfast::http::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

constexpr uint32_t kChunk = 256;

class LmcacheRoutesTest : public RoutesTest {
 protected:
  LmcacheRoutesTest() { lmcache::addRoutes(routes, services()); }

  static std::string listOf(const std::vector<uint32_t>& numbers) {
    std::string text = "[";
    for (const uint32_t number : numbers) {
      text += (text.size() == 1 ? "" : ",") + std::to_string(number);
    }
    return text + "]";
  }
  static std::vector<uint32_t> promptOf(size_t tokens, uint32_t first = 1) {
    std::vector<uint32_t> prompt(tokens);
    std::iota(prompt.begin(), prompt.end(), first);
    return prompt;
  }
  static std::vector<uint64_t> hashesOf(const std::vector<uint32_t>& tokens,
                                        const HashSettings& settings = {}) {
    std::vector<uint64_t> hashes;
    TokenHasher(settings).hash(tokens, hashes);
    return hashes;
  }
  void hold(const std::string& instance, const std::string& location,
            const std::vector<uint64_t>& hashes) {
    peers.push_back(connect());
    Registration who = registration(instance, 0);
    who.locations.front().location = location;
    sessions.push_back(registerWorker(*peers.back(), who));
    report(sessions.back(), location, kIncarnation, 1, hashes).wait(io.waitScope);
    settle();
  }
  // An answer without its event id, which it must have.
  static std::string withoutId(const std::string& text) {
    const std::string key = R"("event_id":")";
    const size_t begin = text.find(key);
    if (begin == std::string::npos) return "no event id: " + text;
    const size_t end = text.find('"', begin + key.size());
    EXPECT_GT(end, begin + key.size()) << "an empty event id";
    return text.substr(0, begin) + text.substr(end + 2);
  }
  std::string lookUp(const std::vector<uint32_t>& tokens) {
    return withoutId(post("/lookup", R"({"tokens":)" + listOf(tokens) + "}"));
  }
  // What the server makes of a failure.
  Reply replyOf(kj::HttpMethod method, std::string_view path, const Query& query,
                std::string_view body) {
    const Route* const route = routes.find(method, path).route;
    auto failing = asking(method, path, query, body)
                       .then([](Reply&& reply) { return reply; },
                             [route](kj::Exception&& e) { return route->failed(e); });
    return await(kj::mv(failing));
  }
  Reply posted(std::string_view path, std::string_view body) {
    return replyOf(kj::HttpMethod::POST, path, {}, body);
  }
  Reply got(std::string_view path, const Query& query) {
    return replyOf(kj::HttpMethod::GET, path, query, {});
  }
  kj::Promise<Reply> beginning(std::string_view path, const std::string& body) {
    auto begun = asking(kj::HttpMethod::POST, path, {}, body);
    settle();
    return begun;
  }

  std::vector<std::unique_ptr<Peer>> peers;
  std::vector<schema::WorkerSession::Client> sessions;
};

TEST_F(LmcacheRoutesTest, ALookUpNamesEveryHolderTheBestFirst) {
  const auto prompt = promptOf(size_t{4} * kChunk);
  const auto hashes = hashesOf(prompt);
  hold("a", "LocalCPUBackend", {hashes[0]});
  hold("b", "LocalDiskBackend", hashes);
  hold("c", "LocalCPUBackend", {hashes[0], hashes[1]});
  EXPECT_EQ(lookUp(prompt), R"({"layout_info":{"b":["LocalDiskBackend",1024],)"
                            R"("c":["LocalCPUBackend",512],"a":["LocalCPUBackend",256]}})");
  EXPECT_EQ(lookUp(promptOf(kChunk, 7)), R"({"layout_info":{}})");
  EXPECT_EQ(lookUp({}), R"({"layout_info":{}})");
}

TEST_F(LmcacheRoutesTest, ALastPartialChunkIsFoundWhereItIsHeld) {
  const auto prompt = promptOf(2 * kChunk + 9);
  hold("a", "LocalCPUBackend", hashesOf(prompt));
  hold("b", "LocalCPUBackend", hashesOf(prompt, {.saveUnfullChunk = true}));
  EXPECT_EQ(lookUp(prompt), R"({"layout_info":{"b":["LocalCPUBackend",521],)"
                            R"("a":["LocalCPUBackend",512]}})");
}

TEST_F(LmcacheRoutesTest, APromptOfManyTurnsIsLookedUpAsAShortOne) {
  const auto prompt = promptOf(200'000);
  hold("a", "LocalCPUBackend", hashesOf(prompt, {.saveUnfullChunk = true}));
  EXPECT_EQ(lookUp(prompt), R"({"layout_info":{"a":["LocalCPUBackend",200000]}})");
  EXPECT_EQ(services().longCallBytes, 0u);
}

TEST_F(LmcacheRoutesTest, EachAnswerHasAnEventIdOfItsOwn) {
  const std::string body = R"({"tokens":[1]})";
  EXPECT_NE(post("/lookup", body), post("/lookup", body));
  EXPECT_THAT(post("/lookup", body), StartsWith(R"({"event_id":"Lookup-)"));
}

TEST_F(LmcacheRoutesTest, WorkersAreShownFieldByField) {
  hold("llama", "LocalCPUBackend", {1, 2, 3});
  Registration without = registration("mistral", 3);
  without.peerUrl = "";
  peers.push_back(connect());
  sessions.push_back(registerWorker(*peers.back(), without));
  const std::string common = R"("ip":"10.0.0.1","port":7000,"peer_init_url":)";
  const std::string times = R"(,"registration_time":1700000001,"last_heartbeat_time":1700000001)";
  const std::string llama =
      R"({"instance_id":"llama","worker_id":0,)" + common + R"("peer:0")" + times;
  const std::string mistral =
      R"({"instance_id":"mistral","worker_id":3,)" + common + "null" + times;
  EXPECT_EQ(withoutId(post("/query_worker_info", R"({"instance_id":"all"})")),
            R"({"worker_infos":[)" + llama + "}," + mistral + "}]}");
  EXPECT_EQ(withoutId(post("/query_worker_info", R"({"instance_id":"all","worker_ids":[3]})")),
            R"({"worker_infos":[)" + mistral + "}]}");
  EXPECT_EQ(withoutId(post("/query_worker_info", R"({"instance_id":"mistral","worker_ids":null})")),
            R"({"worker_infos":[)" + mistral + "}]}");
  EXPECT_EQ(withoutId(post("/query_worker_info", R"({"instance_id":"mistral","worker_ids":[0]})")),
            R"({"worker_infos":[]})");
  EXPECT_EQ(get("/controller/workers"), R"({"workers":[)" + llama + R"(,"key_count":3},)" +
                                            mistral + R"(,"key_count":0}],"total_count":2})");
  EXPECT_EQ(get("/controller/workers", {{"instance_id", "mistral"}}),
            R"({"workers":[)" + mistral + R"(,"key_count":0}],"total_count":1})");
  EXPECT_EQ(get("/controller/workers", {{"instance_id", "llama"}, {"worker_id", "0"}}),
            llama + R"(,"key_count":3})");
  EXPECT_EQ(get("/controller/key-stats"),
            R"({"total_key_count":3,"total_instance_count":2,"total_worker_count":2,"instances":[)"
            R"({"instance_id":"llama","key_count":3,"worker_count":1},)"
            R"({"instance_id":"mistral","key_count":0,"worker_count":1}]})");
}

TEST_F(LmcacheRoutesTest, AWorkerThatIsLostIsNotShown) {
  hold("llama", "LocalCPUBackend", {1, 2, 3});
  sessions.clear();
  peers.clear();
  settle();
  EXPECT_EQ(get("/controller/workers"), R"({"workers":[],"total_count":0})");
  EXPECT_EQ(get("/controller/key-stats"),
            R"({"total_key_count":0,"total_instance_count":0,"total_worker_count":0,)"
            R"("instances":[]})");
}

TEST_F(LmcacheRoutesTest, AnAddressIsOfAnInstanceOrNotThere) {
  registerInstance("llama", 1);
  EXPECT_EQ(post("/query_instance", R"({"event_id":"x","ip":"10.0.0.1"})"),
            R"({"event_id":"x","res":"llama"})");
  const Reply unknown = posted("/query_instance", R"({"event_id":"x","ip":"203.0.113.9"})");
  EXPECT_EQ(unknown.status, 404u);
  EXPECT_THAT(unknown.body, HasSubstr("203.0.113.9"));
  EXPECT_EQ(got("/controller/workers", {{"instance_id", "nobody"}}).status, 404u);
  EXPECT_EQ(got("/controller/workers", {{"instance_id", "llama"}, {"worker_id", "1"}}).status,
            404u);
}

TEST_F(LmcacheRoutesTest, AnOperationIsAnsweredWhenAllRanksHave) {
  registerInstance("llama", 2);
  auto cleared = beginning("/clear", R"({"instance_id":"llama","location":"gpu"})");
  ASSERT_EQ(calls(0).size(), 1u);
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::CLEAR);
  EXPECT_EQ(calls(0)[0].location, "gpu");
  answer(0, 512);
  answer(1, 512);
  const std::string text = await(kj::mv(cleared)).body;
  EXPECT_EQ(withoutId(text), R"({"num_tokens":512})");
  // The same event as every other.
  const size_t begin = text.find(R"(":")") + 3;
  const std::string id = text.substr(begin, text.find('"', begin) - begin);
  EXPECT_THAT(get("/v1/operations/" + id), HasSubstr(R"("kind":"clear")"));
  EXPECT_EQ(post("/check_finish", R"({"event_id":")" + id + R"("})"), R"({"status":"done"})");
  EXPECT_EQ(post("/check_finish", R"({"event_id":"nothing"})"), R"({"status":"not found"})");
}

TEST_F(LmcacheRoutesTest, ChunksAreThoseOfTheTokens) {
  registerInstance("llama", 1);
  const auto prompt = promptOf(size_t{2} * kChunk);
  auto pinned = beginning(
      "/pin", R"({"instance_id":"llama","location":"gpu","tokens":)" + listOf(prompt) + "}");
  settle();
  ASSERT_EQ(calls(0).size(), 1u);
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::PIN);
  EXPECT_EQ(calls(0)[0].hashes, hashesOf(prompt));
  answer(0, 512);
  EXPECT_EQ(withoutId(await(kj::mv(pinned)).body), R"({"num_tokens":512})");
  for (const char* tokens : {"", R"(,"tokens":null)", R"(,"tokens":[])", R"(,"tokens":[1,2])"}) {
    const std::string nothing =
        withoutId(post("/compress", R"({"instance_id":"llama","location":"gpu","method":"zstd")" +
                                        std::string(tokens) + "}"));
    EXPECT_EQ(nothing, R"({"num_tokens":0})") << tokens;
  }
  EXPECT_EQ(calls(0).size(), 1u) << "nobody is asked to do nothing";
  EXPECT_EQ(posted("/pin", R"({"instance_id":"nobody","location":"gpu","tokens":[]})").status,
            404u);
  auto decompressed = beginning(
      "/decompress", R"({"instance_id":"llama","location":"gpu","method":"zstd","tokens":)" +
                         listOf(prompt) + "}");
  settle();
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::DECOMPRESS);
  EXPECT_EQ(calls(0).back().hashes, hashesOf(prompt));
  answer(0, 512);
  await(kj::mv(decompressed));
}

TEST_F(LmcacheRoutesTest, AMoveSaysFromWhereToWhere) {
  registerInstance("llama", 1);
  registerInstance("other", 1);
  auto moved = beginning("/move", R"({"old_position":["llama","gpu"],
    "new_position":["other","gpu"],"should_copy":true,"tokens":)" +
                                      listOf(promptOf(kChunk)) + "}");
  settle();
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::MOVE);
  EXPECT_EQ(calls(0).back().peerUrl, "peer:0");
  EXPECT_TRUE(calls(0).back().copy);
  answer(0, 256);
  EXPECT_EQ(withoutId(await(kj::mv(moved)).body), R"({"num_tokens":256})");
  for (const char* position : {R"(["llama"])", "[]", R"(["llama","gpu","x"])", R"("llama")"}) {
    const Reply wrong = posted("/move", R"({"new_position":["other","gpu"],"old_position":)" +
                                            std::string(position) + "}");
    EXPECT_EQ(wrong.status, 422u) << position;
    EXPECT_THAT(wrong.body, HasSubstr("old_position"));
  }
}

TEST_F(LmcacheRoutesTest, HealthIsANumberOfEachRank) {
  registerInstance("llama", 2);
  auto asked = beginning("/health", R"({"instance_id":"llama"})");
  answer(0, 0);
  fail(1, "it was told to fail");
  EXPECT_EQ(withoutId(await(kj::mv(asked)).body), R"({"error_codes":{"0":0,"1":-1001}})");
}

TEST_F(LmcacheRoutesTest, WhatAWorkerSaysOfItsFailureReachesWhoAsked) {
  registerInstance("llama", 1);
  auto begun =
      asking(kj::HttpMethod::POST, "/clear", {}, R"({"instance_id":"llama","location":"gpu"})");
  settle();
  fail(0, "no such tier");
  const Route& route = *routes.find(kj::HttpMethod::POST, "/clear").route;
  const Reply reply = await(begun.then([](Reply&& done) { return done; },
                                       [&route](kj::Exception&& e) { return route.failed(e); }));
  EXPECT_EQ(reply.status, 500u);
  EXPECT_THAT(reply.body,
              StartsWith(R"*({"detail":"not every rank did it: rank 0: failed (no such tier)",)*"
                         R"*("error":{"code":"internal","message":)*"));
  const Reply nobody = posted("/clear", R"({"instance_id":"nobody","location":"gpu"})");
  EXPECT_EQ(nobody.status, 404u);
  EXPECT_THAT(nobody.body, HasSubstr(R"("detail":")"));
  EXPECT_THAT(nobody.body, HasSubstr(R"("code":"unknown")"));
  for (const char* path : {"/clear", "/health", "/pin", "/compress", "/decompress"}) {
    const Reply unknown =
        posted(path, R"({"instance_id":"nobody","location":"gpu","method":"zstd",)"
                     R"("tokens":)" +
                         listOf(promptOf(kChunk)) + "}");
    EXPECT_EQ(unknown.status, 404u) << path << unknown.body;
  }
}

TEST_F(LmcacheRoutesTest, WhatCannotBeReadIsSaidAsFastApiSaysIt) {
  const Reply reply = posted("/lookup", R"({"token":[]})");
  EXPECT_EQ(reply.status, 422u);
  EXPECT_EQ(reply.body, R"({"detail":[{"loc":["request"],"msg":"field \"tokens\" is missing",)"
                        R"("type":"value_error"}],"error":{"code":"invalid",)"
                        R"("message":"field \"tokens\" is missing"}})");
  EXPECT_EQ(posted("/lookup", R"({"tokens":[-1]})").status, 422u);
  EXPECT_EQ(posted("/query_instance", R"({"event_id":"x"})").status, 422u);
  EXPECT_EQ(posted("/clear", R"({"instance_id":"llama"})").status, 422u);
  EXPECT_EQ(got("/controller/workers", {{"worker_id", "x"}}).status, 422u);
}

TEST_F(LmcacheRoutesTest, WhatIsNotKnownInABodyIsSkipped) {
  EXPECT_EQ(posted("/lookup", R"({"tokens":[1],"more":{"a":[1,{}]},"model":null})").status, 200u);
}

TEST_F(LmcacheRoutesTest, ThereIsAPageForPeople) {
  EXPECT_THAT(get("/"), HasSubstr("<html"));
}

}  // namespace
}  // namespace holdfast::http::test
