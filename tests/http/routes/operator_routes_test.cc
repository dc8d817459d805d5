// An operator's orders through the HTTP door.
#include "tests/http/routes/routes_fixture.h"

namespace holdfast::http::test {
namespace {

using testing::HasSubstr;

class OperatorRoutesTest : public RoutesTest {
 protected:
  OperatorRoutesTest() { registerInstance("llama", 2); }
  // One that is carried out when the store has it.
  std::string postAndCommit(std::string_view path, std::string_view body) {
    auto ordered = asking(kj::HttpMethod::POST, path, {}, body);
    EXPECT_FALSE(ordered.poll(io.waitScope)) << "answered before it is on the disk";
    return await(kj::mv(ordered)).body;
  }
};

TEST_F(OperatorRoutesTest, ForgettingIsAnsweredWhenItIsCommitted) {
  EXPECT_EQ(postAndCommit("/v1/forget", R"({"instanceId":"llama","workerId":1})"),
            R"({"instanceId":"llama","workerId":1})");
  EXPECT_EQ(registry.tree().findWorker("llama", 1), nullptr);
  EXPECT_THAT(errorOfPost("/v1/forget", R"({"instanceId":"llama","workerId":1})"),
              HasSubstr("unknown:"));
  EXPECT_THAT(errorOfPost("/v1/forget", R"({"instanceId":"llama"})"), HasSubstr("workerId"));
}

TEST_F(OperatorRoutesTest, DrainingIsUndone) {
  EXPECT_EQ(postAndCommit("/v1/drain", R"({"instanceId":"llama"})"),
            R"({"instanceId":"llama","drained":true})");
  EXPECT_TRUE(registry.tree().findInstance("llama")->record.drained);
  EXPECT_EQ(postAndCommit("/v1/drain", R"({"instanceId":"llama","undo":true})"),
            R"({"instanceId":"llama","drained":false})");
  EXPECT_FALSE(registry.tree().findInstance("llama")->record.drained);
  EXPECT_THAT(errorOfPost("/v1/drain", R"({"instanceId":"nobody"})"), HasSubstr("unknown:"));
  EXPECT_THAT(errorOfPost("/v1/drain", R"({"instanceId":"llama","undo":"yes"})"),
              HasSubstr("undo"));
}

TEST_F(OperatorRoutesTest, ASyncIsOfALocationOrOfAll) {
  EXPECT_EQ(post("/v1/sync", R"({"instanceId":"llama","workerId":0,"location":"gpu"})"),
            R"({"locations":1})");
  EXPECT_EQ(post("/v1/sync", R"({"instanceId":"llama","workerId":1})"), R"({"locations":1})");
  EXPECT_THAT(errorOfPost("/v1/sync", R"({"instanceId":"llama","workerId":0,"location":"attic"})"),
              HasSubstr("unknown:"));
}

TEST_F(OperatorRoutesTest, WhatThisControllerCannotDoIsRefused) {
  EXPECT_THAT(errorOfPost("/v1/backup", R"({"path":"/tmp/x"})"), HasSubstr("refused:"));
  EXPECT_THAT(errorOfPost("/v1/capture", "{}"), HasSubstr("refused:"));
  EXPECT_THAT(errorOfPost("/v1/capture", R"({"off":true})"), HasSubstr("refused:"));
}

}  // namespace
}  // namespace holdfast::http::test
