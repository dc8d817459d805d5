// What there is, field by field, and in pages.
#include "tests/http/routes/routes_fixture.h"

namespace holdfast::http::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class QueryRoutesTest : public RoutesTest {
 protected:
  // Numbers of instances or the like, however many fields each has.
  static size_t count(const std::string& text, std::string_view what) {
    size_t found = 0;
    for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  }
  // Follows `next` to the last page; the values of a field, in order.
  std::vector<std::string> valuesOfPages(std::string_view path, Query query,
                                         const std::string& field) {
    std::vector<std::string> values;
    for (int pages = 0; pages < 100; ++pages) {
      const std::string text = get(path, query);
      const std::string key = "\"" + field + "\":";
      for (size_t at = 0; (at = text.find(key, at)) != std::string::npos;) {
        at += key.size();
        values.push_back(text.substr(at, text.find_first_of(",}]", at) - at));
      }
      const size_t next = text.find("\"next\":\"");
      if (next == std::string::npos) return values;
      const size_t begin = next + 8;
      query["page"] = text.substr(begin, text.find('"', begin) - begin);
    }
    ADD_FAILURE() << "pages without an end";
    return values;
  }
};

TEST_F(QueryRoutesTest, AnInstanceIsShownFieldByField) {
  registerInstance("llama", 2);
  const auto holder = connect();
  auto session = registerWorker(*holder, registration("mistral", 0));
  report(session, "gpu", kIncarnation, 1, {1, 2, 3}).wait(io.waitScope);
  settle();
  EXPECT_EQ(
      get("/v1/instances"),
      R"({"instances":[{"instanceId":"llama","model":"default","drained":false,"hidden":"no",)"
      R"("endpoint":{"ip":"10.0.0.1","port":7000,"peerInitUrl":"peer:0","labels":{}},)"
      R"("createdMs":1700000001000,"worldSize":2,"contradiction":"","missingRanks":"",)"
      R"("ranks":[{"workerId":0,"state":"ACTIVE","quarantined":false,"locations":1,)"
      R"("locationsInSync":1,"locationsHidden":0,"memberships":0},)"
      R"({"workerId":1,"state":"ACTIVE","quarantined":false,"locations":1,)"
      R"("locationsInSync":1,"locationsHidden":0,"memberships":0}],)"
      R"("workers":2,"workersActive":2,"locations":2,"locationsInSync":2,"memberships":0},)"
      R"({"instanceId":"mistral","model":"default","drained":false,"hidden":"no",)"
      R"("endpoint":{"ip":"10.0.0.1","port":7000,"peerInitUrl":"peer:0","labels":{}},)"
      R"("createdMs":1700000001000,"worldSize":0,"contradiction":"","missingRanks":"",)"
      R"("ranks":[{"workerId":0,"state":"ACTIVE","quarantined":false,"locations":1,)"
      R"("locationsInSync":0,"locationsHidden":0,"memberships":3}],)"
      R"("workers":1,"workersActive":1,"locations":1,"locationsInSync":0,"memberships":3}]})");
  ASSERT_TRUE(controller.take(input::Drain{"llama", true}).ok());
  EXPECT_THAT(get("/v1/instances", {{"instanceId", "llama"}}),
              HasSubstr(R"("drained":true,"hidden":"drained")"));
  EXPECT_EQ(get("/v1/instances", {{"instanceId", "nobody"}}), R"({"instances":[]})");
}

TEST_F(QueryRoutesTest, AWorkerIsShownFieldByField) {
  registerInstance("llama", 1);
  EXPECT_EQ(
      get("/v1/workers"),
      R"({"workers":[{"instanceId":"llama","workerId":0,"ip":"10.0.0.1","port":7000,)"
      R"("peerInitUrl":"peer:0","model":"default","state":"ACTIVE",)"
      R"("registrationTimeMs":1700000001000,"lastHeartbeatTimeMs":1700000001000,)"
      R"("run":"0000000000000001","attempt":1,"quarantined":"","drained":false,"worldSize":1,)"
      R"("contradiction":"","labels":{},"locations":[{"name":"gpu","sync":"in sync","reason":"new and empty",)"
      R"("incarnation":"000000000000004d","lastSeq":0,"committedSeq":0,"count":0,"pins":0,)"
      R"("digest":"00000000000000000000000000000000","hidden":false,"journalOperations":0,)"
      R"("heldOperations":0,"fullSync":{"phase":"none","queuePosition":0,"batchCount":0,)"
      R"("batchesStored":0,"totalKeys":0,"keysStored":0,"runningMs":0,"remainingMs":0,)"
      R"("failures":0}}]}]})");
}

TEST_F(QueryRoutesTest, FiltersNameInstancesAndRanks) {
  registerInstance("a", 3);
  registerInstance("b", 3);
  EXPECT_EQ(count(get("/v1/workers", {{"instanceId", "b"}}), "\"workerId\""), 3u);
  const std::string some = get("/v1/workers", {{"instanceId", "b"}, {"workerIds", "2,0,7"}});
  EXPECT_EQ(count(some, "\"workerId\""), 2u);
  EXPECT_THAT(some, Not(HasSubstr("\"workerId\":1,")));
}

TEST_F(QueryRoutesTest, PagesHaveEveryoneOnceHoweverSmallTheyAre) {
  for (const char* name : {"a", "b/1", "b/2", "c"}) registerInstance(name, 3);
  const std::vector<std::string> all = valuesOfPages("/v1/workers", {}, "workerId");
  ASSERT_EQ(all.size(), 12u);
  for (const char* max : {"1", "2", "5", "12", "100"}) {
    EXPECT_EQ(valuesOfPages("/v1/workers", {{"max", max}}, "workerId"), all) << max;
    EXPECT_EQ(valuesOfPages("/v1/instances", {{"max", max}}, "workerId"), all) << max;
  }
  EXPECT_THAT(get("/v1/workers", {{"max", "2"}}), HasSubstr(R"(,"next":"a/1"})"));
  EXPECT_THAT(get("/v1/instances", {{"max", "2"}}), HasSubstr(R"(,"next":"b/1"})"));
  // Who is named by `next` may be gone by then.
  EXPECT_EQ(valuesOfPages("/v1/workers", {{"page", "b/1/7"}}, "workerId").size(), 6u);
}

TEST_F(QueryRoutesTest, AListOfManyIsWholeAndSmallCallsOvertakeIt) {
  for (int i = 0; i < 40; ++i) registerInstance("llama-" + std::to_string(i), 5);
  bool answered = false;
  auto all = asking(kj::HttpMethod::GET, "/v1/workers", {{"max", "10000"}})
                 .then([&](Reply&& reply) {
                   answered = true;
                   return kj::mv(reply);
                 })
                 .eagerlyEvaluate(nullptr);
  // The list has its turns between them.
  for (int i = 0; i < 3; ++i) EXPECT_THAT(get("/v1/status"), HasSubstr(R"("instances":40,)"));
  EXPECT_FALSE(answered);
  EXPECT_NE(services().longCallBytes, 0u) << "it is collected in pieces";
  EXPECT_EQ(count(await(kj::mv(all)).body, "\"workerId\""), 200u);
  EXPECT_EQ(services().longCallBytes, 0u);
}

TEST_F(QueryRoutesTest, WhatDivergesIsShownWithItsRepair) {
  registerInstance("llama", 2);
  EXPECT_EQ(get("/v1/diverged"), R"({"locations":[]})");
  ASSERT_TRUE(controller.take(input::ForceSync{"llama", 1, "gpu"}).ok());
  EXPECT_EQ(
      get("/v1/diverged"),
      R"({"locations":[{"instanceId":"llama","workerId":1,"name":"gpu","sync":"diverged",)"
      R"("reason":"an operator asked for it","incarnation":"000000000000004d","lastSeq":0,"committedSeq":0,)"
      R"("count":0,"pins":0,"digest":"00000000000000000000000000000000","hidden":false,)"
      R"("journalOperations":0,"heldOperations":0,"fullSync":{"phase":"asked","queuePosition":0,)"
      R"("batchCount":0,"batchesStored":0,"totalKeys":0,"keysStored":0,"runningMs":0,)"
      R"("remainingMs":0,"failures":0}}]})");
}

TEST_F(QueryRoutesTest, PinsAreListedInPagesWithTheirChunks) {
  registerInstance("llama", 1);
  const std::vector<ChunkHash> held = {5, UINT64_MAX};
  const holdfast::Report holds{"gpu", kIncarnation, 1, {held, {}}};
  ASSERT_TRUE(
      controller.take(input::Report{registry.tree().findWorker("llama", 0)->session, holds}).ok());
  for (const char* id : {"first", "second", "third"}) {
    auto pin = asking(kj::HttpMethod::POST, "/v1/operations/pin", {},
                      std::string(R"({"instanceId":"llama","location":"gpu","eventId":")") + id +
                          R"(","hashes":[-1,"5"],"ttlSeconds":60})");
    settle();
    answer(0, 2);
    await(kj::mv(pin));
    clock.nowMs += 1;
  }
  // A pin takes over what an earlier one had pinned.
  EXPECT_EQ(get("/v1/pins", {{"withChunks", "true"}, {"hashes", "string"}}),
            R"({"pins":[{"instanceId":"llama","workerId":0,"location":"gpu","eventId":"third",)"
            R"("chunks":2,"pinnedMs":1700000001002,"expiresMs":1700000061002,)"
            R"("hashes":["5","18446744073709551615"]}]})");
  EXPECT_THAT(get("/v1/pins", {{"withChunks", "true"}}),
              HasSubstr(R"("hashes":[5,18446744073709551615])"));
  EXPECT_THAT(get("/v1/pins"), Not(HasSubstr("hashes")));
  EXPECT_EQ(get("/v1/pins", {{"location", "cpu"}}), R"({"pins":[]})");
  EXPECT_EQ(get("/v1/pins", {{"page", "1"}}), R"({"pins":[]})");
}

TEST_F(QueryRoutesTest, TheStatusHasTheNamesThatHoldfastCtlPrints) {
  registerInstance("llama", 2);
  const std::string text = get("/v1/status");
  EXPECT_THAT(text, testing::StartsWith(R"({"version":"1.2.3","clusterId":"c0ffee","uptimeMs":5,)"
                                        R"("instances":1,"instancesContradicting":0,)"
                                        R"("workersActive":2,"workersLost":0,)"));
  EXPECT_THAT(text, HasSubstr(R"("storeWritable":true,"storeReason":"")"));
  EXPECT_THAT(text, HasSubstr(R"("counters":{"registrations":2,)"));
  EXPECT_THAT(text, HasSubstr(R"("limits":{"workers":{"used":2,"max":4096},)"));
  EXPECT_THAT(text, HasSubstr(R"("lookups":{"count":0,"p50Us":0,)"));
}

TEST_F(QueryRoutesTest, WhatIsWrongWithAParameterIsSaid) {
  EXPECT_THAT(errorOfGet("/v1/workers", {{"max", "0"}}),
              HasSubstr(R"(invalid: the parameter "max" of the query: a whole number from 1 to)"));
  EXPECT_THAT(errorOfGet("/v1/workers", {{"max", "many"}}), HasSubstr(R"(not "many")"));
  EXPECT_THAT(errorOfGet("/v1/workers", {{"workerIds", "0,,1"}}), HasSubstr("commas"));
  EXPECT_THAT(errorOfGet("/v1/workers", {{"workerIds", "4294967296"}}), HasSubstr("commas"));
  EXPECT_THAT(errorOfGet("/v1/workers", {{"page", "llama"}}), HasSubstr("is no `next`"));
  EXPECT_THAT(errorOfGet("/v1/workers", {{"instanceId", std::string(257, 'x')}}), HasSubstr("256"));
  EXPECT_THAT(errorOfGet("/v1/pins", {{"withChunks", "yes"}}), HasSubstr("true or false"));
  EXPECT_THAT(errorOfGet("/v1/pins", {{"hashes", "hex"}}), HasSubstr("number or string"));
  EXPECT_THAT(errorOfGet("/v1/operations", {{"kind", "melt"}}), HasSubstr("clear, pin"));
  EXPECT_THAT(errorOfGet("/v1/operations", {{"page", "gone"}}), HasSubstr("not remembered"));
}

}  // namespace
}  // namespace holdfast::http::test
