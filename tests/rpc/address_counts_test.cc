#include "net/address_counts.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/un.h>

namespace holdfast {
namespace {

PeerAddress v4(const char* text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  inet_pton(AF_INET, text, &address.sin_addr);
  return peerAddressOf(reinterpret_cast<const sockaddr*>(&address));
}

PeerAddress v6(const char* text) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  inet_pton(AF_INET6, text, &address.sin6_addr);
  return peerAddressOf(reinterpret_cast<const sockaddr*>(&address));
}

TEST(AddressCountsTest, EachAddressHasItsOwn) {
  AddressCounts counts(2);
  EXPECT_TRUE(counts.enter(v4("10.0.0.7")));
  EXPECT_TRUE(counts.enter(v4("10.0.0.7")));
  EXPECT_FALSE(counts.enter(v4("10.0.0.7")));
  EXPECT_TRUE(counts.enter(v4("10.0.0.8")));
  EXPECT_EQ(counts.of(v4("10.0.0.7")), 2u);
  counts.leave(v4("10.0.0.7"));
  EXPECT_TRUE(counts.enter(v4("10.0.0.7")));
}

TEST(AddressCountsTest, AHostHasANetworkOfIpv6) {
  AddressCounts counts(1);
  EXPECT_TRUE(counts.enter(v6("2001:db8:1:2::1")));
  EXPECT_FALSE(counts.enter(v6("2001:db8:1:2:ffff::9")));
  EXPECT_TRUE(counts.enter(v6("2001:db8:1:3::1")));
  EXPECT_TRUE(counts.enter(v4("10.0.0.7")));
  EXPECT_FALSE(counts.enter(v6("::ffff:10.0.0.7")));
}

TEST(AddressCountsTest, UnixSocketsAreNotCounted) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const PeerAddress local = peerAddressOf(reinterpret_cast<const sockaddr*>(&address));
  AddressCounts counts(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(counts.enter(local));
  counts.leave(local);
  EXPECT_EQ(counts.of(local), 0u);
}

}  // namespace
}  // namespace holdfast
