// The whole way in over real sockets: a controller with the gateway, and a peer that speaks the
// wire.
#include "gateways/lmcache/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "gateways/lmcache/sockets.h"
#include "gateways/zmq/socket_thread.h"
#include "tests/rpc/server_fixture.h"

namespace holdfast::lmcache {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kWho = R"("instance_id":"i","worker_id":0)";
constexpr const char* kAddress = R"("ip":"127.0.0.1","port":1,"peer_init_url":null)";

std::string message(const std::string& type, const std::string& rest) {
  return R"({"type":")" + type + R"(",)" + kWho + (rest.empty() ? "" : "," + rest) + "}";
}

std::string reportOf(uint64_t seq, const std::vector<uint64_t>& keys,
                     const std::string& location = "LocalCPUBackend") {
  std::string list;
  for (const uint64_t key : keys) {
    list += std::string(list.empty() ? "" : ",") + R"({"op_type":"admit","key":)" +
            std::to_string(key) + R"(,"seq_num":)" + std::to_string(seq++) + "}";
  }
  return message("BatchedKVOperationMsg",
                 R"("location":")" + location + R"(","operations":[)" + list + "]");
}

class GatewayTest : public test::ServerTest {
 protected:
  GatewayTest() { begin({}); }
  ~GatewayTest() noexcept override { end(); }

  void begin(std::vector<gateways::AddressRange> allowed) {
    const Sockets::Options options{
        .endpoints = {"tcp://127.0.0.1:*", "tcp://127.0.0.1:*", "tcp://127.0.0.1:*"},
        .allowed = std::move(allowed)};
    sockets = thread.make<Sockets>(options);
    thread.executor().executeSync([&]() {
      for (const Channel channel : {Channel::kPush, Channel::kRequest, Channel::kHeartbeat}) {
        ASSERT_FALSE(sockets->bind(channel));
      }
    });
    gateway = std::make_unique<Gateway>(
        server->services(), Gateway::Options{.fleet = {}, .heartbeatUrl = "h:1"},
        [this]() { return ++drawnHere; }, nullptr,
        [this](std::vector<Answer> answers) {
          return thread.executor().executeAsync(
              [this, answers = std::move(answers)]() { sockets->send(answers); });
        });
    push = socket(zmq::socket_type::push, Channel::kPush);
    ask = socket(zmq::socket_type::dealer, Channel::kRequest);
    beat = socket(zmq::socket_type::dealer, Channel::kHeartbeat);
    const kj::Executor& loop = kj::getCurrentThreadExecutor();
    thread.executor().executeSync([&]() {
      sockets->begin(
          loop, [this](const std::vector<Inbound>& batch) { return gateway->take(batch); },
          [this](uint64_t connections, const std::string& from) {
            gateway->refused(connections, from);
          });
    });
  }
  void end() {
    await(thread.executor().executeAsync([this]() { sockets.reset(); }));
    gateway->stop();
    gateway.reset();
  }
  std::unique_ptr<zmq::socket_t> socket(zmq::socket_type type, Channel channel) {
    auto made = std::make_unique<zmq::socket_t>(context, type);
    made->set(zmq::sockopt::linger, 0);
    made->connect(thread.executor().executeSync([&]() { return sockets->boundTo(channel); }));
    return made;
  }
  void pushes(const std::vector<std::string>& parts) {
    for (size_t i = 0; i < parts.size(); ++i) {
      push->send(zmq::buffer(parts[i]),
                 i + 1 < parts.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
    }
  }
  static void asks(zmq::socket_t& from, const std::string& payload) {
    from.send(zmq::message_t(), zmq::send_flags::sndmore);
    from.send(zmq::buffer(payload));
  }
  // Turns the loop until it holds, at most a minute.
  template <typename Holds>
  bool until(const Holds& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      settle();
      gateway->tick();
    }
    return true;
  }
  std::string answer(zmq::socket_t& from) {
    zmq::message_t part;
    if (!until([&]() { return from.recv(part, zmq::recv_flags::dontwait).has_value(); })) {
      return "no answer";
    }
    EXPECT_EQ(part.size(), 0u) << "the empty part comes back";
    EXPECT_TRUE(from.recv(part, zmq::recv_flags::dontwait));
    return part.to_string();
  }
  std::string asked(const std::string& payload) {
    asks(*ask, payload);
    return answer(*ask);
  }
  std::string beats() {
    asks(*beat, message("HeartbeatMsg", kAddress));
    return answer(*beat);
  }
  void registers() {
    EXPECT_THAT(asked(message("RegisterMsg", kAddress)), HasSubstr("RegisterRetMsg"));
  }
  uint64_t held(const std::string& name = "LocalCPUBackend") {
    const Worker* worker = registry.tree().findWorker("i", 0);
    const Location* location = worker == nullptr ? nullptr : worker->find(name);
    return location == nullptr ? 0 : location->count;
  }
  bool holds(uint64_t count) {
    return until([&]() { return held() == count; });
  }
  const Measurements::Lmcache& counts() { return server->services().measured.lmcache; }

  gateways::SocketThread thread;
  zmq::context_t context;
  uint64_t drawnHere = 0;
  std::unique_ptr<Sockets> sockets;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<zmq::socket_t> push;
  std::unique_ptr<zmq::socket_t> ask;
  std::unique_ptr<zmq::socket_t> beat;
};

TEST_F(GatewayTest, AWorkerRegistersReportsAndBeats) {
  EXPECT_THAT(asked(message("RegisterMsg", kAddress)),
              testing::AllOf(HasSubstr("heartbeat_url"), HasSubstr("h:1")));
  pushes({reportOf(0, {1, 2}), reportOf(2, {3})});
  EXPECT_TRUE(holds(3));
  EXPECT_THAT(beats(), testing::AllOf(HasSubstr("HeartbeatRetMsg"), Not(HasSubstr("full_sync"))));
  EXPECT_EQ(counts().reports, 2u);
  EXPECT_EQ(counts().operations, 3u);
  pushes({message("DeRegisterMsg", kAddress)});
  EXPECT_TRUE(until([&]() { return registry.tree().findWorker("i", 0) == nullptr; }));
}

TEST_F(GatewayTest, TheFirstVersionsRegisterAndBeatWithoutAnAnswer) {
  pushes({message("RegisterMsg", kAddress)});
  pushes({reportOf(0, {1}), message("HeartbeatMsg", kAddress)});
  EXPECT_TRUE(until([&]() { return counts().heartbeats == 1; }));
  EXPECT_EQ(held(), 1u);
}

TEST_F(GatewayTest, AnswersComeInTheOrderOfTheQuestionsAlsoWhereTheFirstWaitsForTheDisk) {
  asks(*ask, message("RegisterMsg", kAddress));
  asks(*ask, message("BatchedP2PLookupMsg", R"("hashes":[1])"));
  asks(*ask, "garbage");
  asks(*ask, message("FullSyncStatusMsg", R"("sync_id":"s")"));
  EXPECT_THAT(answer(*ask), HasSubstr("RegisterRetMsg"));
  EXPECT_THAT(answer(*ask), HasSubstr("BatchedP2PLookupRetMsg"));
  EXPECT_THAT(answer(*ask), HasSubstr("ErrorMsg"));
  EXPECT_THAT(answer(*ask), HasSubstr("FullSyncStatusRetMsg"));
}

TEST_F(GatewayTest, HostileFramesAreCountedAndAnsweredAndTheStreamGoesOn) {
  registers();
  const std::string whole = reportOf(0, {1, 2, 3});
  std::vector<std::string> cuts;
  for (size_t i = 0; i < whole.size(); ++i) cuts.push_back(whole.substr(0, i));
  cuts.emplace_back(std::string(1 << 20, '\x91'));  // deep
  cuts.emplace_back("\xdd\xff\xff\xff\xff");        // a list of 2^32 - 1
  cuts.emplace_back(message("LookupMsg", R"("tokens":[1])"));
  pushes(cuts);
  pushes({whole});
  EXPECT_TRUE(holds(3));
  EXPECT_EQ(counts().malformed, cuts.size());
  EXPECT_EQ(notices.count<notice::GatewayRefused>(), 10u) << "and no more in a minute";
  for (const char* bad : {"\xc1", "{}", "[1]", "{\"type\":7}"}) {
    EXPECT_THAT(asked(bad), HasSubstr("ErrorMsg"));
  }
  EXPECT_THAT(asked(reportOf(3, {4})), HasSubstr("ErrorMsg")) << "not there";
  // A request that is an envelope and nothing in it.
  ask->send(zmq::message_t(), zmq::send_flags::none);
  EXPECT_THAT(answer(*ask), HasSubstr("ErrorMsg"));
  EXPECT_THAT(asked(message("FullSyncStatusMsg", R"("sync_id":"s")")), HasSubstr("RetMsg"));
}

TEST_F(GatewayTest, ARegistrationThatCoreRefusesIsAnError) {
  EXPECT_THAT(asked(R"({"type":"RegisterMsg","instance_id":"","worker_id":0,)" +
                    std::string(kAddress) + "}"),
              HasSubstr("ErrorMsg"));
}

TEST_F(GatewayTest, AGapIsMendedByAFullSyncThatBeginsWithAHeartbeat) {
  registers();
  beats();
  pushes({reportOf(0, {1, 2}), reportOf(9, {3})});
  EXPECT_TRUE(holds(3));
  std::string told;
  EXPECT_TRUE(until([&]() {
    clock.nowMs += 100;
    controller.take(input::Tick{});
    told = beats();
    return told.find("full_sync") != std::string::npos;
  }));
  EXPECT_THAT(told, HasSubstr("reports"));
  const std::string sync = R"("location":"LocalCPUBackend","sync_id":"s")";
  EXPECT_THAT(asked(message("FullSyncStartMsg", sync + R"(,"total_keys":4,"batch_count":2)")),
              Not(HasSubstr("no such")));
  pushes({message("FullSyncBatchMsg", sync + R"(,"batch_id":1,"keys":[7,8])")});
  pushes({message("FullSyncEndMsg", sync + R"(,"actual_total_keys":4)")});
  pushes({reportOf(10, {9})});
  EXPECT_TRUE(holds(4)) << "the live part goes on meanwhile";
  pushes({message("FullSyncBatchMsg", sync + R"(,"batch_id":0,"keys":[3,6])")});
  EXPECT_TRUE(until([&]() { return counts().syncsTaken == 1; }));
  EXPECT_TRUE(until([&]() {
    (void)controller.take(input::Work{});
    return held() == 5;
  })) << held();
  const Location& its = location("i", 0, "LocalCPUBackend");
  EXPECT_EQ(its.sync, SyncState::kCaughtUp);
  EXPECT_FALSE(its.record.live.incomplete);
  EXPECT_EQ(its.lastSeq, 11u);
  EXPECT_THAT(asked(message("FullSyncStatusMsg", R"("sync_id":"s")")),
              HasSubstr(std::string("is_complete\xc3", 12)));
}

TEST_F(GatewayTest, AWorkerThatCrashesInItsFullSyncBlocksNothing) {
  registers();
  const std::string sync = R"("location":"LocalCPUBackend","sync_id":"s")";
  asked(message("FullSyncStartMsg", sync + R"(,"total_keys":4,"batch_count":2)"));
  registers();
  pushes({reportOf(0, {1})});
  EXPECT_TRUE(holds(1));
  EXPECT_THAT(asked(message("FullSyncStatusMsg", R"("sync_id":"s")")),
              HasSubstr(std::string("can_exit_freeze\xc3", 16)));
  EXPECT_THAT(asked(message("FullSyncStartMsg",
                            R"("location":"LocalCPUBackend","sync_id":"t","total_keys":0,)"
                            R"("batch_count":0)")),
              HasSubstr(std::string("accepted\xc3", 9)));
}

TEST_F(GatewayTest, NothingMoreIsReadWhileTheStoreCannotWriteAndNothingIsLost) {
  registers();
  pushes({reportOf(0, {1})});
  EXPECT_TRUE(holds(1));
  store.setHealth({false, "no space"});
  commit();
  for (uint64_t i = 1; i <= 1'000; ++i) pushes({reportOf(i, {i + 1})});
  for (int i = 0; i < 20; ++i) {
    settle();
    gateway->tick();
  }
  EXPECT_EQ(held(), 1u);
  store.setHealth({});
  commit();
  EXPECT_TRUE(until([&]() {
    controller.take(input::Tick{});
    return held() == 1'001;
  })) << held();
  EXPECT_EQ(counts().gaps, 0u);
}

TEST_F(GatewayTest, OnlyAllowedAddressesMayConnect) {
  end();
  begin({*gateways::parseAddressRange("10.0.0.0/8")});
  // It may have been turned away already: then there is nobody to send to.
  std::ignore =
      push->send(zmq::buffer(message("RegisterMsg", kAddress)), zmq::send_flags::dontwait);
  EXPECT_TRUE(until([&]() { return counts().addressesRefused != 0; }));
  EXPECT_THAT(notices.last<notice::GatewayRefused>().reason, HasSubstr("127.0.0.1"));
  EXPECT_EQ(counts().registrations, 0u);
}

TEST_F(GatewayTest, AnAllowedAddressConnects) {
  end();
  begin({*gateways::parseAddressRange("10.0.0.0/8"), *gateways::parseAddressRange("127.0.0.1")});
  registers();
  EXPECT_EQ(counts().addressesRefused, 0u);
}

TEST(AddressRange, ContainsWhatItSays) {
  using gateways::parseAddressRange;
  const auto in = [](const char* range, const char* address) {
    return gateways::within({*parseAddressRange(range)}, address);
  };
  EXPECT_TRUE(in("10.0.0.0/8", "10.255.1.2"));
  EXPECT_TRUE(in("10.0.0.0/8", "::ffff:10.1.2.3"));
  EXPECT_FALSE(in("10.0.0.0/8", "11.0.0.1"));
  EXPECT_TRUE(in("10.0.0.128/25", "10.0.0.200"));
  EXPECT_FALSE(in("10.0.0.128/25", "10.0.0.100"));
  EXPECT_TRUE(in("fd00::/8", "fd12::1"));
  EXPECT_FALSE(in("fd00::/8", "10.0.0.1"));
  EXPECT_TRUE(in("fe80::/10", "fe80::1%eth0"));
  EXPECT_TRUE(in("0.0.0.0/0", "1.2.3.4"));
  EXPECT_FALSE(in("192.0.2.7", "192.0.2.8"));
  EXPECT_FALSE(in("192.0.2.7", "what"));
  for (const char* wrong : {"", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/", "x/8",
                            "10.0.0.0/8x", "10.0.0.0/-1"}) {
    EXPECT_FALSE(parseAddressRange(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace holdfast::lmcache
