// Simulated engines: what they publish is what their caches hold, as engines write it.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <msgpack.hpp>
#include <string>
#include <vector>
#include <zmq.hpp>

#include "fleet/engines/event_publisher.h"
#include "fleet/engines/simulated_engine.h"
#include "fleet/workload.h"

namespace holdfast::fleet {
namespace {

// What somebody knows who applies the events.
class Mirror {
 public:
  explicit Mirror(uint32_t blockSize) : blockSize_(blockSize) {}

  void apply(const std::string& payload) {
    const msgpack::object_handle handle = msgpack::unpack(payload.data(), payload.size());
    const auto batch = handle.get().as<std::vector<msgpack::object>>();
    ASSERT_EQ(batch.size(), 3u);
    rank = batch[2].as<uint32_t>();
    for (const auto& event : batch[1].as<std::vector<std::map<std::string, msgpack::object>>>()) {
      ++events[event.at("type").as<std::string>()];
      if (event.at("type").as<std::string>() == "AllBlocksCleared") {
        held.clear();
        continue;
      }
      const auto hashes = event.at("block_hashes").as<std::vector<msgpack::object>>();
      EXPECT_EQ(event.at("medium").as<std::string>(), "GPU");
      if (event.at("type").as<std::string>() == "BlockRemoved") {
        for (const auto& hash : hashes) EXPECT_EQ(held.erase(valueOf(hash)), 1u);
        mostRemoved = std::max(mostRemoved, hashes.size());
        continue;
      }
      EXPECT_EQ(event.at("block_size").as<uint32_t>(), blockSize_);
      EXPECT_EQ(event.at("token_ids").as<std::vector<uint32_t>>().size(),
                hashes.size() * blockSize_);
      if (!event.at("parent_block_hash").is_nil()) {
        EXPECT_TRUE(held.contains(valueOf(event.at("parent_block_hash"))));
      }
      for (const auto& hash : hashes) EXPECT_TRUE(held.insert({valueOf(hash), true}).second);
    }
  }
  KeyDigest digest() const {
    KeyDigest sum;
    for (const auto& [hash, here] : held) sum.add(hash);
    return sum;
  }

  std::map<std::string, size_t> events;
  std::map<uint64_t, bool> held;
  size_t mostRemoved = 0;
  bool anyNegative = false;
  uint32_t rank = 0;

 private:
  uint64_t valueOf(const msgpack::object& hash) {
    anyNegative |= hash.type == msgpack::type::NEGATIVE_INTEGER;
    return hash.type == msgpack::type::NEGATIVE_INTEGER ? static_cast<uint64_t>(hash.via.i64)
                                                        : hash.via.u64;
  }
  const uint32_t blockSize_;
};

class EngineKinds : public testing::TestWithParam<EngineKind> {};

TEST_P(EngineKinds, WhoAppliesTheEventsKnowsTheCache) {
  SimulatedEngine engine(GetParam(), 8, 3, 400);
  Mirror mirror(8);
  if (const std::string first = engine.begin(1); !first.empty()) mirror.apply(first);
  for (const Request& request : generateWorkload(300, 7)) {
    const size_t held = engine.heldPrefix(request.chunks);
    const auto published = engine.serve(request.chunks, 2);
    EXPECT_EQ(published.hits, std::min(held, size_t{400}));
    if (!published.payload.empty()) mirror.apply(published.payload);
    ASSERT_EQ(mirror.held.size(), engine.blocks());
    ASSERT_FALSE(HasFailure());
  }
  EXPECT_EQ(mirror.digest(), engine.digest());
  EXPECT_EQ(mirror.rank, 3u);
  EXPECT_GT(mirror.events["BlockRemoved"], 100u);
  const bool vllm = GetParam() == EngineKind::kVllm;
  EXPECT_EQ(mirror.events["AllBlocksCleared"], vllm ? 0u : 1u);
  EXPECT_EQ(mirror.mostRemoved == 1, vllm);
  EXPECT_EQ(mirror.anyNegative, !vllm);
  engine.restart();
  EXPECT_EQ(engine.blocks(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Engines, EngineKinds,
                         testing::Values(EngineKind::kVllm, EngineKind::kSglang));

class PublisherTest : public testing::Test {
 protected:
  PublisherTest() {
    EXPECT_FALSE(publisher.open());
    subscriber.set(zmq::sockopt::subscribe, "");
    subscriber.set(zmq::sockopt::rcvtimeo, 10'000);
    asker.set(zmq::sockopt::rcvtimeo, 10'000);
    subscriber.connect("inproc://events");
    asker.connect("inproc://replay");
  }

  static std::vector<std::string> receive(zmq::socket_t& from) {
    std::vector<std::string> parts;
    zmq::message_t part;
    do {
      if (!from.recv(part)) return parts;
      parts.push_back(part.to_string());
    } while (part.more());
    return parts;
  }
  static std::string number(uint64_t value) {
    std::string text(8, '\0');
    for (size_t i = 0; i < 8; ++i) text[i] = static_cast<char>(value >> (56 - 8 * i));
    return text;
  }
  std::vector<std::string> replayed(uint64_t from) {
    asker.send(zmq::str_buffer(""), zmq::send_flags::sndmore);
    asker.send(zmq::buffer(number(from)));
    publisher.answer();
    std::vector<std::string> payloads;
    while (true) {
      const auto parts = receive(asker);
      EXPECT_EQ(parts.size(), 4u);
      if (parts.size() != 4 || parts[2] == number(UINT64_MAX)) return payloads;
      payloads.push_back(parts[3]);
    }
  }

  zmq::context_t context;
  EventPublisher publisher{context, "inproc://events", "inproc://replay", 3};
  zmq::socket_t subscriber{context, zmq::socket_type::sub};
  zmq::socket_t asker{context, zmq::socket_type::dealer};
};

TEST_F(PublisherTest, NumbersItsMessagesAndSendsAgainWhatIsKept) {
  publisher.publish("a", 1, false);
  publisher.publish("b", 2, true);
  publisher.publish("c", 4, false);
  publisher.publish("d", 8, false);
  const std::vector<std::string> first = {"kv-events", number(0), "a"};
  const std::vector<std::string> second = {"kv-events", number(2), "c"};
  EXPECT_EQ(receive(subscriber), first);
  EXPECT_EQ(receive(subscriber), second);
  EXPECT_EQ(replayed(2), (std::vector<std::string>{"c", "d"}));
  EXPECT_EQ(replayed(0), (std::vector<std::string>{"b", "c", "d"}));
  EXPECT_EQ(replayed(4), std::vector<std::string>{});
  EXPECT_EQ(publisher.counts().lost, 1u);
  EXPECT_EQ(publisher.counts().replays, 3u);
  EXPECT_EQ(publisher.counts().replayed, 5u);
  EXPECT_EQ(publisher.counts().replayedBlocks, 12u + 14u);
}

TEST_F(PublisherTest, AnotherProcessNumbersFromZeroAndHasKeptNothing) {
  publisher.publish("a", 1, false);
  receive(subscriber);
  ASSERT_FALSE(publisher.restart());
  asker = zmq::socket_t(context, zmq::socket_type::dealer);
  asker.set(zmq::sockopt::rcvtimeo, 10'000);
  asker.connect("inproc://replay");
  EXPECT_EQ(replayed(0), std::vector<std::string>{});
  publisher.publish("b", 1, true);
  EXPECT_EQ(replayed(0), std::vector<std::string>{"b"});
}

}  // namespace
}  // namespace holdfast::fleet
