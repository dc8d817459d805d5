// A leader on three servers, of which some are killed: what it confirms is what a reader finds.
#include <gtest/gtest.h>
#include <nats/nats.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "replication/nats/nats_log.h"
#include "replication/publisher.h"
#include "replication/records.h"
#include "tests/nats/pump.h"
#include "tests/nats/servers.h"

namespace holdfast::test {
namespace {

using namespace replication;

uint64_t nowMs() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

// A node: follows, takes over, and leads; the rule is all that it knows of others.
class Node final : public LogListener {
 public:
  Node(std::unique_ptr<NatsLog> log, std::string name)
      : log_(std::move(log)), name_(std::move(name)) {
    log_->follow(1);
  }

  void step() {
    log_->poll(*this);
    if (publisher_) {
      publisher_->tick(nowMs());
      for (const LogPosition& each : publisher_->takeConfirmed()) {
        confirmed[each.at.index] = published_.at(each.at.index);
      }
    } else if (wants_ && nowMs() > askedMs_ + 2000) {
      askedMs_ = nowMs();
      log_->append(encodeRecord(TakeOver{.base = rule_.at(), .node = name_, .nonce = 77}));
    }
  }
  void lead() { wants_ = true; }
  bool leads() const { return publisher_ != nullptr; }
  bool deposed() const { return publisher_ && publisher_->deposed(); }
  bool settled() const { return publisher_->underWay() == 0; }
  void publish(const std::string& text) {
    if (!publisher_->hasRoom(text.size() + 200)) return;
    const std::span<const uint8_t> body(reinterpret_cast<const uint8_t*>(text.data()), text.size());
    published_[publisher_->next().index] = text;
    publisher_->publish(encodeFrames(body, publisher_->next(), 0), nowMs());
  }
  const Publisher& publisher() const { return *publisher_; }
  LogPoint at() const { return rule_.at(); }

  std::map<uint64_t, std::string> confirmed;
  std::map<uint64_t, std::string> valid;  // frames, as a follower reads them
  std::string lost;

 private:
  void onAppended(AppendId id, LogSequence sequence) override {
    if (publisher_) publisher_->onAppended(id, sequence, nowMs());
  }
  void onAppendUnknown(AppendId id, const Error& why) override {
    if (publisher_) publisher_->onAppendUnknown(id, why, nowMs());
  }
  void onFetched(LogSequence sequence, std::string_view bytes) override {
    if (publisher_) publisher_->onFetched(sequence, bytes, nowMs());
  }
  void onRecord(LogSequence sequence, std::string_view bytes) override {
    const auto record = decoder_.decode(bytes);
    if (!record || !rule_.take(headOf(*record))) return;
    if (const auto* frame = std::get_if<Frame>(&*record)) {
      valid[frame->at.index] = {reinterpret_cast<const char*>(frame->body.data()),
                                frame->body.size()};
    }
    const auto* takeOver = std::get_if<TakeOver>(&*record);
    if (takeOver == nullptr || takeOver->node != name_) return;
    log_->follow(0);
    publisher_ = std::make_unique<Publisher>(*log_, LogPosition{rule_.at(), sequence});
  }
  void onLogLost(const Error& why) override { lost = why.message; }

  std::unique_ptr<NatsLog> log_;
  const std::string name_;
  LogRule rule_;
  RecordDecoder decoder_;
  bool wants_ = false;
  uint64_t askedMs_ = 0;
  std::unique_ptr<Publisher> publisher_;
  std::map<uint64_t, std::string> published_;
};

class NatsClusterTest : public testing::Test {
 protected:
  std::unique_ptr<Node> node(const std::string& name) { return node(name, servers_.options()); }
  std::unique_ptr<Node> node(const std::string& name, const NatsOptions& options) {
    auto log = openLog(options, bell_);
    return log ? std::make_unique<Node>(std::move(log), name) : nullptr;
  }
  // The server that leads the stream.
  size_t leader() {
    size_t server = 0;
    EXPECT_TRUE(bell_.until(
        [] {},
        [&] {
          natsConnection* connection = nullptr;
          jsCtx* js = nullptr;
          jsStreamInfo* info = nullptr;
          const NatsOptions options = servers_.options();
          bool found = false;
          if (natsConnection_ConnectTo(&connection, options.servers.front().c_str()) == NATS_OK &&
              natsConnection_JetStream(&js, connection, nullptr) == NATS_OK &&
              js_GetStreamInfo(&info, js, "HF-test-0", nullptr, nullptr) == NATS_OK &&
              info->Cluster != nullptr && info->Cluster->Leader != nullptr) {
            server = servers_.named(info->Cluster->Leader);
            found = true;
          }
          jsStreamInfo_Destroy(info);
          jsCtx_Destroy(js);
          natsConnection_Destroy(connection);
          return found;
        }));
    return server;
  }
  bool makeLeader(Node& node) {
    node.lead();
    return bell_.until([&] { node.step(); }, [&] { return node.leads(); });
  }
  // Publishes until so many more are confirmed.
  bool publishUntil(Node& leader, size_t more, size_t bytes = 2000) {
    const size_t wanted = leader.confirmed.size() + more;
    return bell_.until(
        [&] {
          leader.publish("frame " + std::to_string(++published_) + std::string(bytes, ' '));
          leader.step();
        },
        [&] { return leader.confirmed.size() >= wanted; });
  }
  bool settle(Node& leader) {
    return bell_.until([&] { leader.step(); }, [&] { return leader.settled(); });
  }
  // Another node reads all of it.
  std::map<uint64_t, std::string> readAgain(LogPoint upTo) {
    auto reader = node("reader");
    EXPECT_TRUE(
        bell_.until([&] { reader->step(); }, [&] { return reader->at().index >= upTo.index; }));
    return reader->valid;
  }

  NatsServers servers_{3};
  Bell bell_;
  size_t published_ = 0;
};

TEST_F(NatsClusterTest, NothingConfirmedIsLostWhenTheStreamsLeaderIsKilled) {
  const auto leading = node("a");
  ASSERT_TRUE(leading && makeLeader(*leading));
  ASSERT_TRUE(publishUntil(*leading, 300));
  const size_t killed = leader();
  servers_.kill(killed);
  ASSERT_TRUE(publishUntil(*leading, 300));
  servers_.start(killed);
  ASSERT_TRUE(publishUntil(*leading, 100));
  ASSERT_TRUE(settle(*leading));
  EXPECT_FALSE(leading->publisher().failure());
  EXPECT_EQ(leading->lost, "");
  EXPECT_EQ(readAgain(leading->publisher().read().at), leading->confirmed);
}

TEST_F(NatsClusterTest, AServerThatStandsStillAndComesBackChangesNothing) {
  const auto leading = node("a");
  ASSERT_TRUE(leading && makeLeader(*leading));
  ASSERT_TRUE(publishUntil(*leading, 100));
  const size_t stopped = leader();
  servers_.stop(stopped);
  ASSERT_TRUE(publishUntil(*leading, 100));
  servers_.resume(stopped);
  ASSERT_TRUE(publishUntil(*leading, 100));
  ASSERT_TRUE(settle(*leading));
  EXPECT_FALSE(leading->publisher().failure());
  EXPECT_EQ(readAgain(leading->publisher().read().at), leading->confirmed);
}

TEST_F(NatsClusterTest, AServerThatTakesNothingIsLeftForAnother) {
  NatsOptions options = servers_.options();
  options.servers.resize(1);  // which names the others
  const auto leading = node("a", options);
  ASSERT_TRUE(leading && makeLeader(*leading));
  ASSERT_TRUE(publishUntil(*leading, 100));
  servers_.stop(0);
  // As much under way as a leader may have: more than the kernel takes for a server that reads
  // nothing.
  EXPECT_TRUE(publishUntil(*leading, 50, 200'000));
  servers_.resume(0);
  ASSERT_TRUE(settle(*leading));
  EXPECT_FALSE(leading->publisher().failure());
  EXPECT_EQ(leading->lost, "");
}

TEST_F(NatsClusterTest, WithoutAMajorityNothingIsConfirmedAndAfterwardsItGoesOn) {
  const auto leading = node("a");
  ASSERT_TRUE(leading && makeLeader(*leading));
  ASSERT_TRUE(publishUntil(*leading, 50));
  ASSERT_TRUE(settle(*leading));
  const size_t kept = leader();
  const size_t before = leading->confirmed.size();
  for (size_t i = 0; i < 3; ++i) {
    if (i != kept) servers_.kill(i);
  }
  for (size_t i = 0; i < 20; ++i) {
    leading->publish("without a majority");
    leading->step();
    bell_.wait();
  }
  EXPECT_EQ(leading->confirmed.size(), before);
  for (size_t i = 0; i < 3; ++i) {
    if (i != kept) servers_.start(i);
  }
  ASSERT_TRUE(publishUntil(*leading, 50));
  ASSERT_TRUE(settle(*leading));
  EXPECT_EQ(readAgain(leading->publisher().read().at), leading->confirmed);
}

TEST_F(NatsClusterTest, ALeaderThatIsNotTheLastOneConfirmsNothingMore) {
  const auto first = node("a");
  ASSERT_TRUE(first && makeLeader(*first));
  ASSERT_TRUE(publishUntil(*first, 20));
  ASSERT_TRUE(settle(*first));
  const auto second = node("b");
  ASSERT_TRUE(second);
  ASSERT_TRUE(bell_.until([&] { second->step(); },
                          [&] { return second->at() == first->publisher().read().at; }));
  ASSERT_TRUE(makeLeader(*second));
  // All of its window is stored and acknowledged, and void.
  const auto before = first->confirmed;
  for (size_t i = 0; i < 100; ++i) first->publish("late");
  ASSERT_TRUE(bell_.until([&] { first->step(); }, [&] { return first->deposed(); }));
  EXPECT_EQ(first->publisher().deposedBy().node, "b");
  EXPECT_EQ(first->confirmed, before);
  ASSERT_TRUE(publishUntil(*second, 20));
  ASSERT_TRUE(settle(*second));
  auto all = before;
  all.merge(std::map(second->confirmed));
  EXPECT_EQ(readAgain(second->publisher().read().at), all);
}

}  // namespace
}  // namespace holdfast::test
