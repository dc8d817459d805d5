// The stream of what comes and goes: nothing is left out unless it says so.
#include <kj/async-io.h>

#include "http/event_stream.h"
#include "tests/http/routes/routes_fixture.h"

namespace holdfast::http::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

// A peer that takes what it is sent when the test says so.
class Reader final : public kj::AsyncOutputStream {
 public:
  explicit Reader(std::string& got, bool& reads) : got_(got), reads_(reads) {}

  kj::Promise<void> write(const void* data, size_t size) override {
    if (!reads_) return kj::NEVER_DONE;
    got_.append(static_cast<const char*>(data), size);
    return kj::READY_NOW;
  }
  kj::Promise<void> write(kj::ArrayPtr<const kj::ArrayPtr<const kj::byte>>) override {
    KJ_UNREACHABLE;
  }
  kj::Promise<void> whenWriteDisconnected() override { return kj::NEVER_DONE; }

 private:
  std::string& got_;
  bool& reads_;
};

class WatchRoutesTest : public RoutesTest {
 protected:
  // One that watches.
  struct Client {
    std::string got;
    bool reads = true;
    std::unique_ptr<EventStream> stream;
    kj::Promise<void> served = kj::NEVER_DONE;
  };

  std::unique_ptr<Client> connectClient(const std::string& lastId = {}, bool reads = true) {
    auto client = std::make_unique<Client>();
    client->reads = reads;
    Client& one = *client;
    client->stream = std::make_unique<EventStream>(
        [&one]() { return kj::heap<Reader>(one.got, one.reads); }, [](bool) {});
    const auto what = request({}, {});
    what->lastEventId = lastId;
    const auto found = routes.find(kj::HttpMethod::GET, "/v1/watch");
    client->served = found.route->stream(what, *client->stream).eagerlyEvaluate(nullptr);
    settle();
    return client;
  }
  // What came since the last call: "EVENT DATA" of each, without the time.
  static std::vector<std::string> events(Client& client) {
    std::vector<std::string> found;
    std::string event;
    std::string_view rest = client.got;
    while (!rest.empty()) {
      const std::string line(rest.substr(0, rest.find('\n')));
      rest.remove_prefix(line.size() + 1);
      if (line.starts_with("event: ")) event = line.substr(7);
      if (!line.starts_with("data: ")) continue;
      std::string data = line.substr(6);
      if (const size_t at = data.find("\"atMs\":"); at != std::string::npos) {
        data.erase(at, data.find(',', at) - at + 1);
      }
      found.push_back(event + " " + data);
    }
    client.got.clear();
    return found;
  }
  static std::string lastId(const Client& client) {
    const size_t at = client.got.rfind("id: ");
    return client.got.substr(at + 4, client.got.find('\n', at) - at - 4);
  }
  void drained(const std::string& instance) { watch.notice(notice::InstanceDrained{instance}); }
};

TEST_F(WatchRoutesTest, EventsComeAsTheyHappen) {
  const auto client = connectClient();
  EXPECT_EQ(client->got, "event: reset\nid: 0000000000c0ffee-0\ndata: {\"reason\":\"begin\"}\n\n");
  client->got.clear();
  registerInstance("llama", 2);
  tellWatchers();
  settle();
  EXPECT_THAT(events(*client), ElementsAre(R"(instanceUp {"instanceId":"llama"})",
                                           R"(workerUp {"instanceId":"llama","workerId":0,)"
                                           R"("address":"10.0.0.1:7000","model":"default"})",
                                           R"(workerUp {"instanceId":"llama","workerId":1,)"
                                           R"("address":"10.0.0.1:7000","model":"default"})"));
  ASSERT_TRUE(controller.take(input::Drain{"llama", true}).ok());
  ASSERT_TRUE(controller.take(input::Drain{"llama", false}).ok());
  ranks[{"llama", 0}].peer.reset();
  settle();
  ASSERT_TRUE(controller.take(input::Forget{"llama", 0}).ok());
  ASSERT_TRUE(controller.take(input::Forget{"llama", 1}).ok());
  tellWatchers();
  settle();
  EXPECT_THAT(events(*client),
              ElementsAre(R"(instanceDrained {"instanceId":"llama"})",
                          R"(instanceUndrained {"instanceId":"llama"})",
                          R"(workerDown {"instanceId":"llama","workerId":0,)"
                          R"("cause":"connection gone","forgotten":false})",
                          R"(workerDown {"instanceId":"llama","workerId":0,)"
                          R"("cause":"forgotten by an operator","forgotten":true})",
                          R"(workerDown {"instanceId":"llama","workerId":1,)"
                          R"("cause":"forgotten by an operator","forgotten":true})",
                          R"(instanceDown {"instanceId":"llama"})"));
}

TEST_F(WatchRoutesTest, RepairsAndOperationsAreEventsToo) {
  const auto client = connectClient();
  client->got.clear();
  const LocationName location{{"llama", 3}, "gpu"};
  watch.notice(notice::LocationDiverged{
      .location = location, .reason = Reason::kContentDiffers, .ours = {}, .theirs = {}});
  watch.notice(notice::LocationInSync{.location = location});
  registerInstance("llama", 1);
  told = notices.all.size();
  auto cleared = asking(kj::HttpMethod::POST, "/v1/operations/clear", {},
                        R"({"eventId":"e","instanceId":"llama","location":"gpu"})");
  settle();
  answer(0, 1);
  await(kj::mv(cleared));
  tellWatchers();
  settle();
  EXPECT_THAT(events(*client),
              ElementsAre(R"(locationDiverged {"instanceId":"llama","workerId":3,)"
                          R"("location":"gpu","reason":"content differs"})",
                          R"(locationInSync {"instanceId":"llama","workerId":3,"location":"gpu"})",
                          R"(operationEnded {"instanceId":"llama","eventId":"e","kind":"clear",)"
                          R"("status":"done"})"));
}

TEST_F(WatchRoutesTest, WhoComesBackGoesOnWithoutAHole) {
  drained("before");
  std::string id;
  {
    const auto client = connectClient();
    drained("a");
    settle();
    id = lastId(*client);
    EXPECT_EQ(id, "0000000000c0ffee-2");
  }
  EXPECT_EQ(watch.watchers(), 0u);
  drained("b");
  drained("c");
  const auto back = connectClient(id);
  EXPECT_THAT(events(*back), ElementsAre(R"(instanceDrained {"instanceId":"b"})",
                                         R"(instanceDrained {"instanceId":"c"})"));
  // Nothing was missed: nothing comes, and no reset.
  EXPECT_THAT(connectClient("0000000000c0ffee-4")->got, IsEmpty());
}

TEST_F(WatchRoutesTest, AHoleIsSaid) {
  const auto resetFor = [&](const std::string& lastId) {
    const auto client = connectClient(lastId);
    const std::vector<std::string> came = events(*client);
    return came.empty() ? "none" : came.front();
  };
  for (int i = 0; i < 20; ++i) drained("a");  // the newest 8 are kept
  EXPECT_EQ(resetFor("0000000000c0ffee-11"), R"(reset {"reason":"tooOld"})");
  EXPECT_EQ(resetFor("0000000000c0ffee-12"), R"(instanceDrained {"instanceId":"a"})");
  // Numbers of another process, whether they are in use here or not.
  EXPECT_EQ(resetFor("0000000000c0ffed-12"), R"(reset {"reason":"restarted"})");
  for (const char* id : {"0000000000c0ffee-21", "0000000000c0ffee-", "0000000000c0ffee-1x", "12",
                         "0000000000c0ffeg-12", "0000000000c0ffee-99999999999999999999"}) {
    EXPECT_EQ(resetFor(id), R"(reset {"reason":"unknown"})") << id;
  }
  // What the reset came with is where the next connection goes on.
  const auto client = connectClient("nonsense");
  const std::string id = lastId(*client);
  drained("b");
  EXPECT_EQ(resetFor(id), R"(instanceDrained {"instanceId":"b"})");
}

TEST_F(WatchRoutesTest, WhoDoesNotReadHoldsNobodyUp) {
  const auto slow = connectClient("0000000000c0ffee-0", false);
  const auto quick = connectClient("0000000000c0ffee-0");
  for (int i = 0; i < 30; ++i) {
    drained("i" + std::to_string(i));
    settle();
  }
  EXPECT_EQ(events(*quick).size(), 30u);
  EXPECT_EQ(slow->got, "");
  EXPECT_EQ(watch.watchers(), 2u);
}

TEST_F(WatchRoutesTest, WhoIsPassedByTheRingIsCut) {
  const auto client = connectClient();
  client->got.clear();
  for (int i = 0; i < 20; ++i) drained("a");  // in one turn of the loop
  settle();
  EXPECT_TRUE(client->served.poll(io.waitScope)) << "the answer has ended";
  EXPECT_EQ(client->got, "");
  EXPECT_EQ(watch.watchers(), 0u);
}

TEST_F(WatchRoutesTest, AnInstanceThatWasRecoveredIsUpAlready) {
  registerInstance("llama", 1);
  watch.begin(registry.tree());
  const auto client = connectClient();
  client->got.clear();
  tellWatchers();
  settle();
  EXPECT_THAT(events(*client), ElementsAre(StartsWith("workerUp")));
}

TEST_F(WatchRoutesTest, WatchersAreLimited) {
  std::vector<std::unique_ptr<WatchLog::Watcher>> all;
  for (size_t i = 0; i < WatchLog::kWatchersMax; ++i)
    all.push_back(kj::mv(watch.watch("").value()));
  EXPECT_EQ(watch.watchers(), WatchLog::kWatchersMax);
  const auto found = routes.find(kj::HttpMethod::GET, "/v1/watch");
  std::string got;
  bool reads = true;
  EventStream out([&]() { return kj::heap<Reader>(got, reads); }, [](bool) {});
  EXPECT_THAT(errorOf(found.route->stream(request({}, {}), out)), HasSubstr("unavailable: 1024"));
  EXPECT_EQ(got, "");
  all.pop_back();
  const auto client = connectClient();
  EXPECT_THAT(client->got, HasSubstr("reset"));
}

}  // namespace
}  // namespace holdfast::http::test
