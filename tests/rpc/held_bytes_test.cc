// What peers make the controller hold, and who goes for it.
#include "net/held_bytes.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <random>
#include <vector>

namespace holdfast {
namespace {

struct Holder {
  explicit Holder(HeldBytes& all) : share(all, [this](ConnectionEnd why, size_t) { cut = why; }) {}
  std::optional<ConnectionEnd> cut;
  HeldBytes::Share share;
};

TEST(HeldBytesTest, CountsMessagesCallsAndAnswers) {
  HeldBytes all({.each = 1 << 20, .all = 1 << 20});
  Holder peer(all);
  peer.share.received(100);
  EXPECT_EQ(all.total(), 100u);
  EXPECT_EQ(peer.share.completed(30), 70u);
  EXPECT_EQ(all.total(), 30u);
  peer.share.hold(70);
  EXPECT_EQ(all.total(), 100u);
  peer.share.setAnswers(500);
  peer.share.setAnswers(200);
  EXPECT_EQ(all.total(), 300u);
  peer.share.release(70);
  peer.share.setAnswers(0);
  EXPECT_EQ(peer.share.completed(0), 30u);
  EXPECT_EQ(all.total(), 0u);
}

TEST(HeldBytesTest, OverItsOwnLimitAPeerGoes) {
  HeldBytes all({.each = 1'000, .all = 1 << 20});
  Holder good(all);
  Holder bad(all);
  good.share.hold(1'000);
  bad.share.received(1'001);
  EXPECT_EQ(bad.cut, ConnectionEnd::kHeldTooMuch);
  EXPECT_EQ(good.cut, std::nullopt);
  EXPECT_EQ(all.total(), 1'000u);
  // What it still does does not count, and is not told again.
  bad.cut.reset();
  bad.share.received(50);
  EXPECT_EQ(bad.cut, std::nullopt);
  EXPECT_EQ(all.total(), 1'000u);
}

TEST(HeldBytesTest, OverTheLimitOfAllTheOneThatHoldsMostGoes) {
  HeldBytes all({.each = 1 << 20, .all = 1'000});
  Holder small(all);
  Holder large(all);
  Holder last(all);
  small.share.hold(100);
  large.share.hold(800);
  last.share.hold(200);  // 1,100: one goes, and it is not the last one that came
  EXPECT_EQ(large.cut, ConnectionEnd::kHeldMost);
  EXPECT_EQ(small.cut, std::nullopt);
  EXPECT_EQ(last.cut, std::nullopt);
  EXPECT_EQ(all.total(), 300u);
}

TEST(HeldBytesTest, TheTotalIsAlwaysTheSum) {
  std::mt19937_64 random(11);
  HeldBytes all({.each = 5'000, .all = 20'000});
  std::vector<std::unique_ptr<Holder>> peers;
  for (int step = 0; step < 20'000; ++step) {
    if (peers.size() < 10 && random() % 20 == 0) peers.push_back(std::make_unique<Holder>(all));
    if (peers.empty()) continue;
    const size_t which = random() % peers.size();
    HeldBytes::Share& share = peers[which]->share;
    switch (random() % 6) {
      case 0:
        share.received(random() % 1'000);
        break;
      case 1:
        share.completed(random() % 100);
        break;
      case 2:
      case 3:
        share.hold(random() % 500);
        break;
      case 4:
        share.setAnswers(random() % 2'000);
        break;
      default:
        if (random() % 10 == 0) peers.erase(peers.begin() + static_cast<ptrdiff_t>(which));
    }
    size_t sum = 0;
    for (const auto& peer : peers) sum += peer->cut ? 0 : peer->share.bytes();
    ASSERT_EQ(all.total(), sum) << "step " << step;
    ASSERT_LE(all.total(), 20'000u);
  }
}

}  // namespace
}  // namespace holdfast
