// Engines that are asked to empty their caches, over real HTTP.
#include "gateways/engine_events/cache_resets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/recorded_notices.h"

namespace holdfast::engines {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An engine's door: answers what it is told to, 404 otherwise.
class Door final : public kj::HttpService {
 public:
  explicit Door(const kj::HttpHeaderTable& headers) : headers_(headers) {}

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url, const kj::HttpHeaders&,
                            kj::AsyncInputStream&, Response& response) override {
    asked.push_back(kj::str(method, " ", url).cStr());
    const auto found = statuses.find(url.cStr());
    const uint32_t status = found == statuses.end() ? 404 : found->second;
    response.send(status, "so", kj::HttpHeaders(headers_), uint64_t{0});
    return kj::READY_NOW;
  }

  std::map<std::string, uint32_t> statuses;
  std::vector<std::string> asked;

 private:
  const kj::HttpHeaderTable& headers_;
};

class CacheResetsTest : public testing::Test {
 protected:
  CacheResetsTest()
      : io_(kj::setupAsyncIo()),
        timer_(io_.provider->getTimer()),
        server_(timer_, headers_, door_),
        resets_(io_.provider->getNetwork(), timer_, notices_) {
    auto& network = io_.provider->getNetwork();
    auto receiver = network.parseAddress("127.0.0.1:0").wait(io_.waitScope)->listen();
    source_.name = {"a", 3};
    source_.http = "http://127.0.0.1:" + std::to_string(receiver->getPort()) + "/";
    listening_ = server_.listenHttp(*receiver).attach(kj::mv(receiver)).eagerlyEvaluate(nullptr);
  }
  ~CacheResetsTest() noexcept override = default;
  // Until something has come of it.
  void waitForNotice() {
    while (notices_.all.empty()) {
      timer_.afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
    }
  }

  std::string whyNot() const { return notices_.last<notice::EngineResetFailed>().why; }

  kj::AsyncIoContext io_;
  kj::Timer& timer_;
  kj::HttpHeaderTable headers_;
  Door door_{headers_};
  kj::HttpServer server_;
  test::RecordedNotices notices_;
  CacheResets resets_;
  EngineSource source_;
  kj::Promise<void> listening_ = nullptr;
};

TEST_F(CacheResetsTest, AnEngineIsAskedOnceWhicheverOfItsRanksLostSomething) {
  door_.statuses["/reset_prefix_cache"] = 200;
  resets_.ask(source_);
  source_.name.rank = 4;
  resets_.ask(source_);
  waitForNotice();
  EXPECT_THAT(door_.asked, ElementsAre("POST /reset_prefix_cache"));
  ASSERT_EQ(notices_.count<notice::EngineResetAsked>(), 1u);
  EXPECT_EQ(notices_.last<notice::EngineResetAsked>().worker.worker, 3u);
}

TEST_F(CacheResetsTest, SglangHasAnotherNameForIt) {
  door_.statuses["/flush_cache"] = 200;
  resets_.ask(source_);
  waitForNotice();
  EXPECT_THAT(door_.asked, ElementsAre("POST /reset_prefix_cache", "POST /flush_cache"));
  EXPECT_EQ(notices_.count<notice::EngineResetAsked>(), 1u);
}

TEST_F(CacheResetsTest, WhoCannotDoItIsNamed) {
  resets_.ask(source_);
  waitForNotice();
  EXPECT_THAT(whyNot(), HasSubstr("it has neither"));
}

TEST_F(CacheResetsTest, WhoIsNotThereIsNamed) {
  listening_ = nullptr;
  resets_.ask(source_);
  waitForNotice();
  EXPECT_THAT(whyNot(), HasSubstr("nobody answers there"));
}

// A controller that takes over may find that all of a fleet's engines lost something.
TEST_F(CacheResetsTest, OfManyEnginesEachIsAskedInItsTurn) {
  const std::string base = source_.http;
  constexpr size_t kEngines = 3 * CacheResets::kUnderWayMax;
  for (size_t i = 0; i < kEngines; ++i) {
    source_.http = base + std::to_string(i);
    door_.statuses["/" + std::to_string(i) + "/reset_prefix_cache"] = 200;
    resets_.ask(source_);
  }
  while (notices_.all.size() < kEngines) {
    timer_.afterDelay(1 * kj::MILLISECONDS).wait(io_.waitScope);
  }
  EXPECT_EQ(notices_.count<notice::EngineResetAsked>(), kEngines);
  EXPECT_EQ(door_.asked.size(), kEngines);
}

TEST_F(CacheResetsTest, WithoutAnAddressNobodyIsAsked) {
  source_.http.clear();
  resets_.ask(source_);
  source_.http = "engine-7";
  resets_.ask(source_);
  waitForNotice();
  EXPECT_THAT(whyNot(), HasSubstr("that is no address"));
  EXPECT_THAT(door_.asked, IsEmpty());
}

}  // namespace
}  // namespace holdfast::engines
