// What a client is made of: options, its thread, and the README's program.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "client/lookup_client.h"
#include "client_fixture.h"

namespace holdfast {
namespace {

TEST(Client, OptionsAreChecked) {
  ClientOptions good;
  good.instance = "a";
  good.locations = {{"gpu", {}}};
  EXPECT_FALSE(good.validate());
  const auto isWrong = [&](const std::function<void(ClientOptions&)>& spoil) {
    ClientOptions options = good;
    spoil(options);
    return options.validate().has_value();
  };
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.instance = ""; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.instance = std::string(257, 'x'); }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations.clear(); }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations = {{"gpu", {}}, {"gpu", {}}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.locations = {{"g\n", {}}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.labels = {{"a key", "v"}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.labels.resize(17, {"k", "v"}); }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) { o.labels = {{"key", "a value"}}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.batchOperations = 0; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.batchOperations = 65'537; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.backoffMinMs = 6'000; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = ""; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = "127.0.0.1"; }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) { o.controller = "a:1,[::1]:2,unix:/x"; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = "a:1,"; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = "a:1,b"; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.controller = "a:1,b:1,a:1"; })) << "named twice";
  EXPECT_TRUE(isWrong([](ClientOptions& o) {
    o.controller = "h0:1";
    for (int i = 1; i < 17; ++i) o.controller += ",h" + std::to_string(i) + ":1";
  })) << "17";
  EXPECT_TRUE(isWrong([](ClientOptions& o) { o.hashing = ClientHashing{.chunkSize = 0}; }));
  EXPECT_TRUE(isWrong([](ClientOptions& o) {
    o.worker = 2;
    o.worldSize = 2;
  }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) {
    o.worker = 1;
    o.worldSize = 2;
  }));
  EXPECT_FALSE(isWrong([](ClientOptions& o) { o.worker = 7; })) << "the world size is not known";
}

TEST(Client, LocationsAreFoundByName) {
  FakeController controller;
  ClientThread thread;
  const Client client(thread, optionsFor(controller));
  EXPECT_EQ(client.findLocation("gpu"), client.location("gpu"));
  EXPECT_EQ(client.findLocation("cpu"), client.location("cpu"));
  EXPECT_FALSE(client.findLocation("disk"));
}

TEST(Client, BadOptionsAreAnErrorNotTheEnd) {
  ClientThread thread;
  const auto client = Client::create(thread, {.controller = "nowhere", .instance = "a"});
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.error().code, ErrorCode::kInvalid);
  EXPECT_NE(client.error().message.find("\"nowhere\", has no port"), std::string::npos);
  const auto lookups = LookupClient::create(thread, {.timeoutMs = 0});
  ASSERT_FALSE(lookups.ok());
  EXPECT_NE(lookups.error().message.find("timeoutMs is 0"), std::string::npos);
  FakeController controller;
  auto good = Client::create(thread, optionsFor(controller));
  ASSERT_TRUE(good.ok());
  EXPECT_TRUE(good.value()->flush(kLongMs));
  auto goodLookups = LookupClient::create(thread, {.controller = controller.address()});
  ASSERT_TRUE(goodLookups.ok());
  EXPECT_TRUE(goodLookups.value()->lookup({1}).ok());
}

TEST(ClientDeathTest, AThreadThatEndsBeforeItsClientsSaysSo) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto endTooEarly = [] {
    FakeController controller;
    auto thread = std::make_unique<ClientThread>();
    const Client client(*thread, optionsFor(controller));
    thread = nullptr;
  };
  EXPECT_DEATH(endTooEarly(), "a ClientThread ends before 1 of its clients: destroy them first");
}

// The program of src/client/README.md, where no controller runs.
TEST(Client, TheReadmesProgramFailsWithAMessage) {
  const std::string command = std::string(HOLDFAST_README_PROGRAM) + " 127.0.0.1:1 2>&1";
  FILE* const program = popen(command.c_str(), "r");
  ASSERT_NE(program, nullptr);
  std::string said;
  for (char line[512]; std::fgets(line, sizeof line, program) != nullptr;) said += line;
  EXPECT_EQ(WEXITSTATUS(pclose(program)), 1);
  EXPECT_NE(said.find("cannot reach the controller at 127.0.0.1:1: connection refused"),
            std::string::npos)
      << said;
}

}  // namespace
}  // namespace holdfast
