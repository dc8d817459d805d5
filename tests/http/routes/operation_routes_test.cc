// Cache operations through the HTTP door: as through RPC, with JSON.
#include "tests/http/routes/routes_fixture.h"

namespace holdfast::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class OperationRoutesTest : public RoutesTest {
 protected:
  kj::Promise<Reply> beginning(std::string_view kind, const std::string& body) {
    auto begun = asking(kj::HttpMethod::POST, "/v1/operations/" + std::string(kind), {}, body);
    settle();
    return begun;
  }
};

constexpr const char* kClear = R"({"eventId":"e","instanceId":"llama","location":"gpu"})";
constexpr const char* kClearNoWait =
    R"({"eventId":"e","instanceId":"llama","location":"gpu","noWait":true})";

TEST_F(OperationRoutesTest, AnOperationIsAnsweredWhenAllRanksHave) {
  registerInstance("llama", 2);
  auto cleared = beginning("clear", kClear);
  ASSERT_EQ(calls(0).size(), 1u);
  EXPECT_EQ(calls(0)[0].kind, schema::OperationKind::CLEAR);
  EXPECT_TRUE(calls(0)[0].allChunks);
  answer(0, 12);
  settle();
  EXPECT_FALSE(cleared.poll(io.waitScope));
  answer(1, 12);
  const std::string text = await(kj::mv(cleared)).body;
  EXPECT_EQ(text, R"({"eventId":"e","kind":"clear","instanceId":"llama","location":"gpu",)"
                  R"("newInstanceId":"","newLocation":"","method":"","copy":false,"chunks":0,)"
                  R"("ttlSeconds":0,"status":"done","numTokens":12,"error":"",)"
                  R"("createdMs":1700000001000,"finishedMs":1700000001000,"ranks":[)"
                  R"({"workerId":0,"status":"done","numTokens":12,"errorCode":0,"error":""},)"
                  R"({"workerId":1,"status":"done","numTokens":12,"errorCode":0,"error":""}]})");
  EXPECT_EQ(get("/v1/operations/e"), text);
  EXPECT_EQ(post("/v1/operations/check-finish", R"({"eventId":"e"})"), text);
}

TEST_F(OperationRoutesTest, WithNoWaitItIsAnsweredWhenItIsRecorded) {
  registerInstance("llama", 1);
  EXPECT_THAT(post("/v1/operations/clear", kClearNoWait), HasSubstr(R"("status":"running")"));
  EXPECT_THAT(get("/v1/operations/e"), HasSubstr(R"("status":"running")"));
  settle();
  fail(0, "no disk");
  settle();
  const std::string text = get("/v1/operations/e");
  EXPECT_THAT(text, HasSubstr(R"("status":"failed")"));
  EXPECT_THAT(text, HasSubstr("no disk"));
}

TEST_F(OperationRoutesTest, AskedForAgainItIsTheSameOne) {
  registerInstance("llama", 1);
  auto first = beginning("clear", kClear);
  auto again = beginning("clear", kClear);
  EXPECT_EQ(calls(0).size(), 1u) << "the worker is asked once";
  answer(0, 3);
  EXPECT_EQ(await(kj::mv(first)).body, await(kj::mv(again)).body);
  EXPECT_THAT(post("/v1/operations/clear", kClear), HasSubstr(R"("numTokens":3)"));
  EXPECT_EQ(calls(0).size(), 1u);
  // With other arguments it is an error.
  EXPECT_THAT(errorOfPost("/v1/operations/clear",
                          R"({"eventId":"e","instanceId":"llama","location":"cpu"})"),
              HasSubstr("names another operation"));
}

TEST_F(OperationRoutesTest, EachKindSaysWhatIsItsOwn) {
  registerInstance("llama", 1);
  auto pinned = beginning("pin", R"({"instanceId":"llama","location":"gpu","ttlSeconds":60,
    "hashes":[1,-2,"18446744073709551615"]})");
  EXPECT_THAT(calls(0).back().hashes, ElementsAre(1u, UINT64_MAX - 1, UINT64_MAX));
  answer(0, 1);
  const std::string pin = await(kj::mv(pinned)).body;
  EXPECT_THAT(pin, HasSubstr(R"("kind":"pin")"));
  EXPECT_THAT(pin, HasSubstr(R"("chunks":3,"ttlSeconds":60)"));

  auto compressed =
      beginning("compress", R"({"instanceId":"llama","location":"gpu","method":"zstd"})");
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::COMPRESS);
  EXPECT_EQ(calls(0).back().method, "zstd");
  answer(0, 1);
  EXPECT_THAT(await(kj::mv(compressed)).body, HasSubstr(R"("method":"zstd")"));

  auto decompressed =
      beginning("decompress", R"({"instanceId":"llama","location":"gpu","method":"zstd"})");
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::DECOMPRESS);
  answer(0, 1);
  await(kj::mv(decompressed));

  auto healthy = beginning("health", R"({"instanceId":"llama"})");
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::HEALTH);
  answer(0, 0);
  EXPECT_THAT(await(kj::mv(healthy)).body, HasSubstr(R"("kind":"health")"));
}

TEST_F(OperationRoutesTest, AMoveNamesBothPlaces) {
  registerInstance("llama", 1);
  registerInstance("other", 1);
  auto moved = beginning("move", R"({"instanceId":"llama","location":"gpu",
    "newInstanceId":"other","newLocation":"gpu","copy":true,"hashes":[7]})");
  EXPECT_EQ(calls(0).back().kind, schema::OperationKind::MOVE);
  EXPECT_EQ(calls(0).back().peerUrl, "peer:0");
  EXPECT_TRUE(calls(0).back().copy);
  answer(0, 1);
  EXPECT_THAT(await(kj::mv(moved)).body,
              HasSubstr(R"("newInstanceId":"other","newLocation":"gpu","method":"","copy":true)"));
}

TEST_F(OperationRoutesTest, TokensBecomeTheirChunks) {
  registerInstance("llama", 1);
  std::string tokens;
  std::vector<uint32_t> numbers;
  for (uint32_t i = 0; i < 600; ++i) {
    tokens += (i == 0 ? "" : ",") + std::to_string(i);
    numbers.push_back(i);
  }
  auto pinned =
      beginning("pin", R"({"instanceId":"llama","location":"gpu","tokens":[)" + tokens + "]}");
  settle();
  std::vector<uint64_t> hashes;
  TokenHasher(HashSettings{}).hash(numbers, hashes);
  ASSERT_EQ(calls(0).size(), 1u);
  EXPECT_EQ(calls(0)[0].hashes, hashes);
  answer(0, 600);
  EXPECT_THAT(await(kj::mv(pinned)).body, HasSubstr(R"("numTokens":600)"));
  EXPECT_EQ(services().longCallBytes, 0u);
}

TEST_F(OperationRoutesTest, TheNextOneIsHashedBeforeTheOneBeforeHasEnded) {
  registerInstance("llama", 1);
  const auto body = [](const char* id) {
    std::string list = "1";
    for (int i = 0; i < 255; ++i) list += ",1";
    return std::string(R"({"instanceId":"llama","location":"gpu","eventId":")") + id +
           R"(","tokens":[)" + list + "]}";
  };
  auto first = beginning("pin", body("a"));
  auto second = beginning("pin", body("b"));
  EXPECT_EQ(calls(0).size(), 2u);
  for (auto& call : calls(0)) {
    call.context.getResults().initOutcome().setStatus(schema::WorkerOutcomeMsg::Status::DONE);
    call.answer->fulfill();
  }
  await(kj::mv(first));
  await(kj::mv(second));
}

TEST_F(OperationRoutesTest, AListIsNewestFirstAndInPages) {
  registerInstance("llama", 1);
  registerInstance("other", 1);
  for (int i = 0; i < 5; ++i) {
    const std::string instance = i == 2 ? "other" : "llama";
    post("/v1/operations/clear", R"({"noWait":true,"location":"gpu","eventId":"e)" +
                                     std::to_string(i) + R"(","instanceId":")" + instance + "\"}");
    if (i == 0) {
      settle();
      answer(0, 1);
      settle();
    }
  }
  const auto idsOf = [](const std::string& text) {
    std::vector<std::string> ids;
    const std::string key = R"("eventId":")";
    for (size_t at = 0; (at = text.find(key, at)) != std::string::npos;) {
      at += key.size();
      ids.push_back(text.substr(at, text.find('"', at) - at));
    }
    return ids;
  };
  const std::string all = get("/v1/operations");
  EXPECT_THAT(idsOf(all), ElementsAre("e4", "e3", "e2", "e1", "e0"));
  EXPECT_THAT(all, Not(HasSubstr("ranks")));
  EXPECT_THAT(all,
              HasSubstr(R"({"operations":[{"eventId":"e4","kind":"clear","instanceId":"llama",)"
                        R"("location":"gpu","newInstanceId":"","newLocation":"","method":"",)"
                        R"("copy":false,"chunks":0,"ttlSeconds":0,"status":"running",)"
                        R"("numTokens":0,"error":"","createdMs":1700000001000,)"
                        R"("finishedMs":0})"));
  const std::string first = get("/v1/operations", {{"max", "2"}});
  EXPECT_THAT(idsOf(first), ElementsAre("e4", "e3"));
  EXPECT_THAT(first, HasSubstr(R"(,"next":"e3"})"));
  EXPECT_THAT(idsOf(get("/v1/operations", {{"max", "10"}, {"page", "e3"}})),
              ElementsAre("e2", "e1", "e0"));
  EXPECT_THAT(idsOf(get("/v1/operations", {{"instanceId", "other"}})), ElementsAre("e2"));
  EXPECT_THAT(idsOf(get("/v1/operations", {{"unfinishedOnly", "true"}})),
              ElementsAre("e4", "e3", "e2", "e1"));
  EXPECT_THAT(idsOf(get("/v1/operations", {{"kind", "pin"}})), testing::IsEmpty());
}

TEST_F(OperationRoutesTest, WhatIsWrongIsSaid) {
  registerInstance("llama", 1);
  EXPECT_THAT(errorOfGet("/v1/operations/never"), HasSubstr("unknown: there is no event"));
  EXPECT_THAT(errorOfPost("/v1/operations/check-finish", "{}"), HasSubstr("eventId"));
  EXPECT_THAT(errorOfPost("/v1/operations/clear", R"({"location":"gpu"})"),
              HasSubstr("instanceId"));
  EXPECT_THAT(errorOfPost("/v1/operations/clear",
                          R"({"instanceId":"llama","location":"gpu","hashes":[1]})"),
              HasSubstr("hashes"))
      << "a clear has no chunks";
  EXPECT_THAT(errorOfPost("/v1/operations/clear", R"({"instanceId":"nobody","location":"gpu"})"),
              HasSubstr("unknown:"));
  EXPECT_THAT(errorOfPost("/v1/operations/pin", R"({"instanceId":"llama","location":"gpu"})"),
              HasSubstr("tokens or hashes"));
  EXPECT_THAT(errorOfPost("/v1/operations/pin", R"({"instanceId":"llama","location":"gpu",
    "tokens":[1],"hashes":[1]})"),
              HasSubstr("not on both"));
  EXPECT_THAT(errorOfPost("/v1/operations/pin", R"({"instanceId":"llama","location":"gpu",
    "tokens":[]})"),
              HasSubstr("no chunks"));
  EXPECT_TRUE(calls(0).empty());
}

TEST_F(OperationRoutesTest, ThousandsOfRanksAreWrittenWhole) {
  constexpr uint32_t kRanks = 1'000;
  EventRecord record;
  record.id = "big";
  record.ranks.resize(kRanks);
  for (uint32_t i = 0; i < kRanks; ++i) {
    record.ranks[i].worker = i;
    record.ranks[i].status = RankStatus::kDone;
  }
  // An operation that a store remembered.
  Executor& executor = const_cast<Executor&>(controller.executor());
  executor.recover({record});
  const std::string body = get("/v1/operations/big");
  for (uint32_t i = 0; i < kRanks; ++i) {
    ASSERT_THAT(body, HasSubstr("{\"workerId\":" + std::to_string(i) + ","));
  }
  EXPECT_THAT(body, testing::EndsWith("}]}"));
}

}  // namespace
}  // namespace holdfast::http::test
