#include "fleet/outage.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast::fleet {
namespace {

using News = Outage::News;

TEST(Outage, AFailOverIsToldOnceHoweverOftenWorkersComeAndGoInIt) {
  Outage outage;
  std::vector<News> told;
  const auto see = [&](bool whole, double now) {
    if (const News news = outage.see(whole, now); news != News::kNone) told.push_back(news);
  };
  see(true, 0);
  for (int i = 0; i < 6; ++i) {
    see(false, 10 + 0.2 * i);
    see(true, 10.1 + 0.2 * i);
  }
  see(true, 12.0);
  EXPECT_EQ(told, (std::vector<News>{News::kGone}));
  see(true, 12.2);
  see(true, 13.0);
  EXPECT_EQ(told, (std::vector<News>{News::kGone, News::kBack}));
  EXPECT_NEAR(outage.seconds(), 1.1, 0.001);
}

TEST(Outage, TheNextOneIsToldAnew) {
  Outage outage;
  EXPECT_EQ(outage.see(false, 0), News::kGone);
  EXPECT_EQ(outage.see(false, 5), News::kNone);
  EXPECT_EQ(outage.see(true, 7), News::kNone);
  EXPECT_EQ(outage.see(true, 8), News::kBack);
  EXPECT_NEAR(outage.seconds(), 7, 0.001);
  EXPECT_EQ(outage.see(false, 20), News::kGone);
  EXPECT_EQ(outage.see(true, 21), News::kNone);
  EXPECT_EQ(outage.see(true, 22.5), News::kBack);
  EXPECT_NEAR(outage.seconds(), 1, 0.001);
}

}  // namespace
}  // namespace holdfast::fleet
