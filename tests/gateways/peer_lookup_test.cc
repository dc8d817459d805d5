#include "gateways/lmcache/peer_lookup.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "gateways/lmcache/encoder.h"
#include "tests/support/ignored_link.h"
#include "tests/support/memory_store.h"
#include "tests/support/recorded_notices.h"

namespace holdfast::lmcache {
namespace {

struct StoppedClock final : Clock {
  uint64_t steadyMs() const override { return 1'000; }
  uint64_t wallMs() const override { return 1'700'000'000'000; }
  uint64_t storeMs() const override { return 1'700'000'000'000; }
};

class PeerLookupTest : public testing::Test {
 protected:
  SessionId registered(const std::string& instance, uint32_t worker) {
    Registration registration;
    registration.instance = instance;
    registration.worker = worker;
    registration.peerUrl = instance + ":" + std::to_string(worker);
    registration.run = registration.attempt = 1;
    for (const char* name : {"LocalCPUBackend", "LocalDiskBackend"}) {
      LocationStatement statement;
      statement.location = name;
      statement.incarnation = 7;
      statement.beganEmpty = true;
      registration.locations.push_back(statement);
    }
    const auto outcome = controller_.take(input::Register{registration, link_});
    EXPECT_TRUE(outcome.ok());
    return outcome.value().session;
  }
  void admit(SessionId session, std::string_view location, std::vector<ChunkHash> keys) {
    EXPECT_TRUE(controller_.take(input::Report{session, Report{location, 7, 1, {keys, {}}}}).ok());
  }
  std::string answer(SessionId asker, std::vector<ChunkHash> hashes) {
    lookup_.begin(asker, std::move(hashes));
    std::optional<std::string> answer;
    while (!answer) answer = lookup_.advance();
    return *answer;
  }

  StoppedClock clock_;
  test::MemoryStore store_;
  test::RecordedNotices notices_;
  test::IgnoredLink link_;
  std::mt19937_64 random_{1};
  Controller controller_{{}, clock_, store_, [this]() { return random_(); }, notices_};
  PeerLookup lookup_{controller_};
};

TEST_F(PeerLookupTest, IsTheLongestPrefixOfTheAskersRankInTheTierThatServesOthers) {
  const SessionId asker = registered("a", 0);
  const SessionId short0 = registered("b", 0);
  const SessionId best = registered("c", 0);
  const SessionId disk = registered("d", 0);
  const SessionId otherRank = registered("e", 1);
  admit(asker, kPeerLocation, {1, 2, 3, 4});
  admit(short0, kPeerLocation, {1, 2});
  admit(best, kPeerLocation, {1, 2, 3});
  admit(best, "LocalDiskBackend", {4});
  admit(disk, "LocalDiskBackend", {1, 2, 3, 4});
  admit(otherRank, kPeerLocation, {1, 2, 3, 4});
  EXPECT_EQ(answer(asker, {1, 2, 3, 4}), peerAnswer(Peer{"c", kPeerLocation, 3, "c:0"}));
  EXPECT_EQ(answer(best, {1, 2, 3, 4}), peerAnswer(Peer{"a", kPeerLocation, 4, "a:0"}));
  EXPECT_EQ(answer(otherRank, {1, 2}), peerAnswer(std::nullopt));
}

TEST_F(PeerLookupTest, NobodyIsAnAnswer) {
  const SessionId asker = registered("a", 0);
  EXPECT_EQ(answer(asker, {}), peerAnswer(std::nullopt));
  EXPECT_EQ(answer(asker, {9}), peerAnswer(std::nullopt));
  EXPECT_EQ(answer(asker + 100, {9}), peerAnswer(std::nullopt)) << "nor is the asker";
}

TEST_F(PeerLookupTest, OfTooManyHashesTheFirstOnesCount) {
  const SessionId asker = registered("a", 0);
  const SessionId peer = registered("b", 0);
  std::vector<ChunkHash> keys(70'000);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = i;
  admit(peer, kPeerLocation, {keys.begin(), keys.begin() + 65'536});
  EXPECT_EQ(answer(asker, keys), peerAnswer(Peer{"b", kPeerLocation, 65'536, "b:0"}));
}

}  // namespace
}  // namespace holdfast::lmcache
